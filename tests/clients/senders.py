"""Signs as third parties do, with other people's code: their own published libraries, where there are any.

Reads a JSON list of {"name", "body"} and writes a list of {"secret", "headers", "stale"}: headers of now, and, where the
sender signs a time, headers that were right ten minutes ago. Packages in requirements.txt.
"""

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from datetime import datetime, timezone

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gidgethub.sansio import validate_event
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook
from stripe import Webhook as StripeWebhook, WebhookSignature as StripeSignature

NOW = int(time.time())
AGO = NOW - 600


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def mac(secret, body, hash="sha256"):
    return hmac.new(secret, body, hash)


def standard_webhooks(body):
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    unique = "evt_" + secrets.token_hex(8)

    def headers(at):
        return {
            "webhook-id": unique,
            "webhook-timestamp": str(at),
            "webhook-signature": Webhook(secret).sign(unique, datetime.fromtimestamp(at, timezone.utc), body.decode()),
        }

    return secret, headers(NOW), headers(AGO)


def standard_webhooks_public(body):
    """v1a, as the specification has it: Ed25519 over the same content."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    def headers(at):
        signature = base64.b64encode(key.sign(f"evt_1.{at}.".encode() + body)).decode()
        return {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": f"v1a,{signature}"}

    return "whpk_" + public, headers(NOW), headers(AGO)


def github(body):
    secret = secrets.token_hex(20)
    signature = "sha256=" + mac(secret.encode(), body).hexdigest()
    # What verifies at a published library's is what GitHub sends.
    validate_event(body, signature=signature, secret=secret)
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": secrets.token_hex(16), "X-GitHub-Event": "push"}
    return secret, headers, None


def stripe(body):
    secret = "whsec_" + secrets.token_hex(16)

    def headers(at):
        signature = StripeSignature._compute_signature(f"{at}.{body.decode()}", secret)
        return {"Stripe-Signature": f"t={at},v0={'0' * 64},v1={signature}"}

    StripeWebhook.construct_event(body, headers(NOW)["Stripe-Signature"], secret)
    return secret, headers(NOW), headers(AGO)


def shopify(body):
    """As in Shopify's documentation: the HMAC's digest in base64."""
    secret = secrets.token_hex(16)
    headers = {
        "X-Shopify-Hmac-SHA256": base64.b64encode(mac(secret.encode(), body).digest()).decode(),
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Webhook-Id": secrets.token_hex(16),
    }
    return secret, headers, None


def slack(body):
    secret = secrets.token_hex(16)

    def headers(at):
        signature = SignatureVerifier(secret).generate_signature(timestamp=str(at), body=body)
        return {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(at)}

    return secret, headers(NOW), headers(AGO)


def slack_form(body):
    secret, now, ago = slack(body)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return secret, now | kind, ago | kind


def hmac_sha512(body):
    """A sender of its own: the id, the time and the body, with a key that is written in base64."""
    key = secrets.token_bytes(48)

    def headers(at):
        signature = base64.b64encode(mac(key, f"evt-9|{at}|".encode() + body, "sha512").digest()).decode()
        return {"X-Acme-Signature": f"v2={signature}", "X-Acme-Time": str(at), "X-Acme-Id": "evt-9"}

    return base64.b64encode(key).decode(), headers(NOW), headers(AGO)


def hmac_sha1(body):
    secret = secrets.token_hex(16)
    return secret, {"X-Legacy-Signature": mac(secret.encode(), body, hashlib.sha1).hexdigest()}, None


def api_key(_body):
    secret = secrets.token_urlsafe(24)
    return secret, {"X-Api-Key": secret, "X-Event-Id": "evt-3"}, None


def basic(_body):
    secret = secrets.token_urlsafe(24)
    return secret, {"Authorization": "Basic " + base64.b64encode(f"acme:{secret}".encode()).decode()}, None


def token(algorithm, key, body):
    def headers(at):
        claims = {
            "iss": "acme", "aud": ["postrider", "others"], "jti": "evt-5", "iat": at, "nbf": at, "exp": at + 300,
            "event": "invoice.paid", "request_body_sha256": hashlib.sha256(body).hexdigest(),
        }
        return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm=algorithm)}

    return headers(NOW), headers(AGO)


def jwt_hs256(body):
    secret = secrets.token_hex(32)
    return secret, *token("HS256", secret, body)


def jwt_rs256(body):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return pem(key), *token("RS256", key, body)


def jwt_es256(body):
    key = ec.generate_private_key(ec.SECP256R1())
    return pem(key), *token("ES256", key, body)


def jwt_eddsa(body):
    key = ed25519.Ed25519PrivateKey.generate()
    return jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()), *token("EdDSA", key, body)


SENDERS = [
    standard_webhooks, standard_webhooks_public, github, stripe, shopify, slack, slack_form, hmac_sha512, hmac_sha1,
    api_key, basic, jwt_hs256, jwt_rs256, jwt_es256, jwt_eddsa,
]
BY_NAME = {sender.__name__: sender for sender in SENDERS}

signed = [BY_NAME[wanted["name"]](wanted["body"].encode()) for wanted in json.load(sys.stdin)]
json.dump([dict(zip(("secret", "headers", "stale"), each)) for each in signed], sys.stdout)
