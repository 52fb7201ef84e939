//! The command line: nothing of the tool is here.
fn main() {}
