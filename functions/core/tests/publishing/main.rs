//! The promises of publishing, over ports that die at any call: small messages, and those that a job fans out.

mod erase;
mod fan_out;
mod publish;
mod rate;
mod record;
mod tell;
mod work;
mod world;
