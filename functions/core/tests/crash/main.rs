//! What a crash at every `.await` leaves behind, call by call: the promises of delivering and waking.

mod deliver;
mod held;
mod world;
