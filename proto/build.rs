//! Generates LND's client, and the server traits a test or simulation stands in
//! with, from our own subset of its interface. Needs no `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    // `sqlx::migrate!` embeds this directory but cannot watch it.
    println!("cargo:rerun-if-changed=migrations");
    let sources = [
        "lightning.proto",
        "stateservice.proto",
        "routerrpc/router.proto",
        "walletrpc/walletkit.proto",
    ];
    let files = protox::compile(sources, ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .compile_fds(files)?;
    Ok(())
}
