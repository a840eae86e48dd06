//! The promises of publishing, over ports that die at any call: small messages, and those that a job fans out.

mod bulk;
mod demands;
mod erase;
mod fan_out;
mod founding;
mod intake;
mod publish;
mod rate;
mod receive;
mod record;
mod tell;
mod work;
mod world;
