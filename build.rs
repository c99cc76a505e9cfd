//! The built-in scenarios and injectors are compiled in: a change in their folders must build again.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=scenarios");
    println!("cargo:rerun-if-changed=fault-injectors");
}
