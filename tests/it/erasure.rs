//! What is erased is gone: from the API's answers, from the tables, and from what is still on its way.

mod applications;
mod contents;
mod retention;
