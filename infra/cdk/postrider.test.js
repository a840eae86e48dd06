// What the example makes of the template, without AWS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { App, Stack, aws_iam as iam, aws_lambda as lambda } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Postrider } from "./postrider.js";

const here = import.meta.dirname;
const templateFile = path.resolve(here, "../template.yaml");
const temporary = mkdtempSync(path.join(tmpdir(), "postrider-cdk-"));
after(() => rmSync(temporary, { recursive: true }));

// Stand for the functions, which need not be built for this.
const binaries = path.join(temporary, "lambda");
for (const name of ["ingest", "delivery", "api", "scheduler"]) {
  const folder = path.join(binaries, `postrider-${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "bootstrap"), name, { mode: 0o755 });
}

/** The names in a section of the template, read as text. */
function names(section) {
  const text = readFileSync(templateFile, "utf8").split(new RegExp(`^${section}:\n`, "m"))[1].split(/^\w/m)[0];
  return [...text.matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name);
}

/** The template's resources as CDK reads YAML, without any understanding of them. */
function written() {
  const stack = new Stack(new App(), "plain");
  const include = new CfnInclude(stack, "Template", { templateFile, dehydratedResources: names("Resources") });
  for (const name of names("Resources")) include.getResource(name).overrideLogicalId(name);
  return Template.fromStack(stack).toJSON();
}

/** Both spellings of a reference as one, and the code left out. */
function comparable(value) {
  return JSON.parse(JSON.stringify(value), (key, value) => {
    if (key === "CodeUri") return undefined;
    if (typeof value?.Ref === "string" && value.Ref.includes(".")) return { "Fn::Sub": `\${${value.Ref}}` };
    const attribute = value?.["Fn::GetAtt"];
    return Array.isArray(attribute) ? { "Fn::GetAtt": attribute.join(".") } : value;
  });
}

function postrider(parameters) {
  const app = new App();
  return { app, stack: new Postrider(app, "postrider", { binaries, parameters }) };
}

test("the template is there, whole", () => {
  const [plain, ours] = [written(), Template.fromStack(postrider().stack).toJSON()];
  assert.ok(names("Resources").length > 30);
  assert.deepEqual(Object.keys(ours.Resources).sort(), names("Resources").sort());
  for (const [name, resource] of Object.entries(plain.Resources)) {
    const { Condition, DependsOn, ...included } = ours.Resources[name];
    assert.deepEqual(comparable(included), comparable(resource), name);
  }
  assert.deepEqual(Object.keys(ours.Outputs).sort(), names("Outputs").sort());
  assert.deepEqual(ours.Conditions, plain.Conditions);
  assert.deepEqual(comparable(ours.Globals), comparable(plain.Globals));
  assert.equal(ours.Transform, "AWS::Serverless-2016-10-31");
  assert.equal(ours.Resources.EventRule.Condition, "TakesEvents");
});

test("every function's code is an asset of its own", () => {
  const { app, stack } = postrider();
  const functions = Object.values(Template.fromStack(stack).findResources("AWS::Serverless::Function"));
  const { files } = JSON.parse(readFileSync(path.join(app.synth().directory, "postrider.assets.json"), "utf8"));
  assert.equal(functions.length, 4);
  for (const { Properties } of functions) {
    const asset = files[path.basename(Properties.CodeUri.Key, ".zip")];
    const folder = path.join(app.synth().directory, asset.source.path);
    const name = Properties.FunctionName["Fn::Sub"].replace("${AWS::StackName}-", "");
    assert.equal(asset.source.packaging, "zip");
    assert.equal(readFileSync(path.join(folder, "bootstrap"), "utf8"), name);
    assert.deepEqual(Properties.CodeUri.Bucket, { "Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}" });
  }
});

test("parameters that are not given remain parameters, with their defaults", () => {
  const [plain, ours] = [written(), Template.fromStack(postrider().stack).toJSON()];
  const { BootstrapVersion, ...parameters } = ours.Parameters;
  assert.deepEqual(Object.keys(parameters).sort(), names("Parameters").sort());
  assert.deepEqual(ours.Parameters, plain.Parameters);
});

test("parameters that are given are wherever they are referred to", () => {
  const given = { DeliveryConcurrency: 100, Architecture: "x86_64", RetrySchedule: "1m,1h" };
  const [before, after] = [undefined, given].map((parameters) => Template.fromStack(postrider(parameters).stack).toJSON());
  const filled = JSON.parse(JSON.stringify(before), (key, value) => given[value?.Ref] ?? value);
  for (const section of ["Resources", "Globals", "Conditions", "Outputs"]) {
    assert.deepEqual(after[section], filled[section]);
  }
  assert.deepEqual(after.Globals.Function.Architectures, ["x86_64"]);
  assert.ok(JSON.stringify(after.Resources).includes('"MaximumConcurrency":100'));
  assert.ok(Object.keys(given).every((name) => name in before.Parameters && !(name in after.Parameters)));
  assert.throws(() => postrider({ NoSuchParameter: 1 }), /NoSuchParameter/);
});

const SENDS = ["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"];

/** What is allowed besides what the template itself allows. */
function allowed(template) {
  const found = Object.entries(template.findResources("AWS::IAM::Policy")).filter(([name]) => !names("Resources").includes(name));
  return found.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}

test("a function may publish, nothing more, and knows where", () => {
  const { stack } = postrider();
  const code = lambda.Code.fromInline("exports.handler = async () => {}");
  const publisher = new lambda.Function(stack, "Shop", { runtime: lambda.Runtime.NODEJS_22_X, handler: "index.handler", code });
  stack.grantPublish(publisher);
  const template = Template.fromStack(stack);
  const resource = { "Fn::GetAtt": ["PublishQueue", "Arn"] };
  assert.deepEqual(comparable(allowed(template)), comparable([{ Effect: "Allow", Action: SENDS, Resource: resource }]));
  template.hasResourceProperties("AWS::Lambda::Function", {
    Environment: {
      Variables: { POSTRIDER_URL: { "Fn::GetAtt": ["Api", "ApiEndpoint"] }, POSTRIDER_PUBLISH_QUEUE_URL: { Ref: "PublishQueue" } },
    },
  });
});

test("the role of a function that was deployed by other means may publish", () => {
  const { stack } = postrider();
  stack.publishQueue.grantSendMessages(iam.Role.fromRoleName(stack, "Role", "checkout-role"));
  const template = Template.fromStack(stack);
  assert.deepEqual(allowed(template).map(({ Action }) => Action), [SENDS]);
  template.hasResourceProperties("AWS::IAM::Policy", { Roles: ["checkout-role"] });
});

test("the example is synthesized by the command line, and its function publishes", () => {
  const output = path.join(temporary, "out");
  const cdk = path.join(here, "node_modules/.bin/cdk");
  const context = ["--context", `binaries=${binaries}`];
  // Strict: a warning is an error.
  execFileSync(cdk, ["synth", "--quiet", "--strict", "--no-notices", "--output", output, ...context], { cwd: here });
  const read = (name) => JSON.parse(readFileSync(path.join(output, `${name}.template.json`), "utf8"));
  const [ours, shop] = [read("postrider"), read("shop")];
  const queue = allowed(Template.fromJSON(shop))[0].Resource["Fn::ImportValue"];
  const exported = Object.values(ours.Outputs).find(({ Export }) => Export?.Name["Fn::Sub"] === queue || Export?.Name === queue);
  assert.deepEqual(comparable(exported.Value), { "Fn::GetAtt": "PublishQueue.Arn" });
  const variables = Object.values(Template.fromJSON(shop).findResources("AWS::Lambda::Function"))[0].Properties.Environment.Variables;
  assert.deepEqual(Object.keys(variables).sort(), ["POSTRIDER_PUBLISH_QUEUE_URL", "POSTRIDER_URL"]);
});
