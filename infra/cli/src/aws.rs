//! The AWS account, with the credentials that the AWS command line would use: variables, profiles, a role.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};

use crate::failure::{Failure, chain};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Region, credentials and endpoint of the surroundings. Makes no call.
pub(crate) async fn config() -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}

/// What to tell of a call that AWS has not done.
pub(crate) fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    const HELP: &str = "AWS needs a region and credentials: AWS_REGION and AWS_PROFILE or AWS_ACCESS_KEY_ID …; with \
                        single sign-on: eval \"$(aws configure export-credentials --format env)\"";
    let cause = chain(error);
    let is_ours = ["credential", "region", "dispatch failure"].iter().any(|word| cause.to_lowercase().contains(word));
    Failure::Failed(if is_ours { format!("{what}: {cause}. {HELP}") } else { format!("{what}: {cause}") })
}
