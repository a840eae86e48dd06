// Postrider as a stack of your app: the template as it is, with its parameters, and its functions' code as assets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Stack, aws_sqs as sqs } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Asset } from "aws-cdk-lib/aws-s3-assets";

const infra = path.resolve(import.meta.dirname, "..");
const SAM = "AWS::Serverless::Function";

export class Postrider extends Stack {
  /**
   * @param parameters values of the template's parameters; the others remain parameters of the stack, with their defaults
   * @param binaries the folder that `cargo lambda build` has written, if it is not target/lambda of this repository
   */
  constructor(scope, id, { parameters, binaries, ...props } = {}) {
    super(scope, id, props);
    const yaml = readFileSync(path.join(infra, "template.yaml"), "utf8");
    this.template = include(this, yaml, parameters);
    for (const [, name, folder] of yaml.matchAll(/^ {2}(\w+):\n {4}Type: AWS::Serverless::Function\n[^]*?^ {6}CodeUri: (\S+)$/gm)) {
      const built = binaries ? path.join(binaries, path.basename(folder)) : path.resolve(infra, folder);
      const code = new Asset(this, `${name}Code`, { path: built });
      this.template.getResource(name).addOverride("Type", SAM);
      this.template.getResource(name).addPropertyOverride("CodeUri", { Bucket: code.s3BucketName, Key: code.s3ObjectKey });
    }
    const queue = this.template.getResource("PublishQueue");
    this.publishQueueUrl = queue.ref;
    this.publishQueue = sqs.Queue.fromQueueArn(this, "Publishing", queue.attrArn);
    this.apiUrl = this.template.getResource("Api").attrApiEndpoint;
  }

  /** Lets a function publish through the queue, and tells it where that and the API are. */
  grantPublish(publisher) {
    this.publishQueue.grantSendMessages(publisher);
    publisher.addEnvironment("POSTRIDER_PUBLISH_QUEUE_URL", this.publishQueueUrl);
    publisher.addEnvironment("POSTRIDER_URL", this.apiUrl);
  }
}

/**
 * Includes a copy in which CDK has nothing to misunderstand: its own type of a SAM function knows fewer properties than SAM
 * does (Postrider gives the functions their type back), and `!Ref Function.Alias` is a `!Sub` to it.
 */
function include(stack, yaml, parameters) {
  const folder = mkdtempSync(path.join(tmpdir(), "postrider-"));
  const templateFile = path.join(folder, "template.yaml");
  try {
    writeFileSync(templateFile, yaml.replaceAll(SAM, "Custom::Function").replace(/!Ref (\w+\.\w+)/g, '!Sub "${$1}"'));
    return new CfnInclude(stack, "Template", { templateFile, parameters });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
