// An example: Postrider, and a function of yours that publishes.
import { App, Stack, aws_lambda as lambda } from "aws-cdk-lib";
import { Postrider } from "./postrider.js";

const app = new App();
const postrider = new Postrider(app, "postrider", {
  // Parameters of the template, which the README lists.
  parameters: { DeliveryConcurrency: 100, LogRetentionDays: 90 },
  binaries: app.node.tryGetContext("binaries"),
});

// Stands for a stack of yours with a function that it has already.
const shop = new Stack(app, "shop");
const checkout = new lambda.Function(shop, "Checkout", {
  runtime: lambda.Runtime.NODEJS_22_X,
  handler: "index.handler",
  code: lambda.Code.fromInline(`
const { SQSClient, SendMessageCommand } = require("@aws-sdk/client-sqs");
const sqs = new SQSClient();
exports.handler = async (order) => {
  const message = { eventType: "order.paid", eventId: "paid-" + order.id, payload: order };
  const body = { organization: "org_acme", application: order.customer, message };
  const QueueUrl = process.env.POSTRIDER_PUBLISH_QUEUE_URL;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
};
`),
});

postrider.grantPublish(checkout);
