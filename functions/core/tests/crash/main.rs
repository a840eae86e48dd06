//! What a crash at every `.await` leaves behind, call by call: the promises of publishing, delivering and waking.

mod deliver;
mod publish;
mod world;
