//! The issuer whose access tokens count.

use postrider_core::access::oidc::{Organization, Trust};

use super::{InvalidSetting, source::Source};

const ISSUER: &str = "POSTRIDER_OIDC_ISSUER";
const ORGANIZATION: &str = "POSTRIDER_OIDC_ORGANIZATION";
const ORGANIZATION_CLAIM: &str = "POSTRIDER_OIDC_ORGANIZATION_CLAIM";
const APPLICATION_CLAIM: &str = "POSTRIDER_OIDC_APPLICATION_CLAIM";
/// Claims that name nobody.
const MEANT_OTHERWISE: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "scope", "scp"];

/// None where no issuer is named.
pub(super) fn read(source: Source<'_>) -> Result<Option<Trust>, InvalidSetting> {
    let Some(issuer) = source.optional(ISSUER) else { return Ok(None) };
    let plain_http = source.optional("POSTRIDER_ALLOWED_NETWORKS").is_some();
    let is_reachable = issuer.starts_with("https://") || (plain_http && issuer.starts_with("http://"));
    if !is_reachable {
        let rule = "must be an https URL (http only where POSTRIDER_ALLOWED_NETWORKS is set)";
        return Err(InvalidSetting::Invalid(ISSUER, rule.to_owned()));
    }
    for name in [ORGANIZATION_CLAIM, APPLICATION_CLAIM] {
        if source.optional(name).is_some_and(|claim| MEANT_OTHERWISE.contains(&claim.as_str())) {
            let rule = format!("must not be one of {}", MEANT_OTHERWISE.join(", "));
            return Err(InvalidSetting::Invalid(name, rule));
        }
    }
    Ok(Some(Trust {
        issuer,
        audience: source.required("POSTRIDER_OIDC_AUDIENCE")?,
        organization: organization(source)?,
        application_claim: source.optional(APPLICATION_CLAIM),
        scope_prefix: source.optional("POSTRIDER_OIDC_SCOPE_PREFIX").unwrap_or_else(|| "postrider:".to_owned()),
    }))
}

fn organization(source: Source<'_>) -> Result<Organization, InvalidSetting> {
    if let Some(claim) = source.optional(ORGANIZATION_CLAIM) {
        return Ok(Organization::Claim(claim));
    }
    let org = source.required(ORGANIZATION)?;
    let org = org
        .parse()
        .map_err(|error: postrider_core::ids::InvalidOrg| InvalidSetting::Invalid(ORGANIZATION, error.to_string()))?;
    Ok(Organization::Fixed(org))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Option<Trust>, InvalidSetting> {
        let find = |name: &str| {
            let name = name.strip_prefix("POSTRIDER_")?.trim_start_matches("OIDC_");
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        read(Source(&find))
    }

    #[test]
    fn without_an_issuer_nothing_else_matters() {
        assert_eq!(with(&[("AUDIENCE", "a"), ("ORGANIZATION", "nonsense")]), Ok(None));
    }

    #[test]
    fn the_claim_comes_before_the_fixed_organization_and_one_is_required() {
        let given = |more: &[(&str, &str)]| with(&[&[("ISSUER", "https://a"), ("AUDIENCE", "a")], more].concat());
        let trust = given(&[("ORGANIZATION", "org_a")]).expect("settings").expect("an issuer");
        assert_eq!(trust.organization, Organization::Fixed("org_a".parse().expect("org")));
        assert_eq!((trust.scope_prefix.as_str(), trust.application_claim), ("postrider:", None));
        let trust = given(&[("ORGANIZATION", "org_a"), ("ORGANIZATION_CLAIM", "org_id")]).expect("settings");
        assert_eq!(trust.map(|trust| trust.organization), Some(Organization::Claim("org_id".to_owned())));
        assert!(given(&[]).is_err() && given(&[("ORGANIZATION", "acme")]).is_err());
    }

    #[test]
    fn a_claim_that_says_something_else_names_nobody() {
        let given = [("ISSUER", "https://a"), ("AUDIENCE", "a"), ("ORGANIZATION", "org_a")];
        for name in ["ORGANIZATION_CLAIM", "APPLICATION_CLAIM"] {
            assert!(with(&[&given[..], &[(name, "aud")]].concat()).is_err(), "{name}");
            assert!(with(&[&given[..], &[(name, "sub")]].concat()).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_issuer_without_tls_is_one_of_an_allowed_network() {
        let plain = [("ISSUER", "http://a"), ("AUDIENCE", "a"), ("ORGANIZATION", "org_a")];
        assert!(with(&plain).is_err());
        assert!(with(&[&plain[..], &[("ALLOWED_NETWORKS", "127.0.0.0/8")]].concat()).is_ok());
        assert!(with(&[("ISSUER", "a.example"), ("AUDIENCE", "a"), ("ORGANIZATION", "org_a")]).is_err());
    }
}
