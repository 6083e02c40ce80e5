//! Where a store is, and whether a redirect stays there.
//!
//! Input: an address, and a `Location`.
#![no_main]

use std::net::IpAddr;

use http::uri::{PathAndQuery, Uri};
use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{check_failure, texts};
use secretref_protocol::net::Address;

fuzz_target!(|input: &str| {
    let mut texts = texts(input);
    let [text, location] = std::array::from_fn(|_| texts.next().unwrap_or_default());
    let address = match Address::parse("address", text, false) {
        Ok(address) => address,
        Err(failure) => return check_failure(&failure, ""),
    };
    let host = address.host();
    let is_here =
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    assert!(address.is_secure() || is_here, "{address}");
    assert!(address.port() != 0 && !address.authority().contains('@'));
    let again = Address::parse("address", &format!("{address}{}", address.base()), false);
    assert_eq!(again.as_ref(), Ok(&address));
    if let Some(path) = address.path_within(location) {
        stays(&address, &path);
    }
    // Over a socket, too, a redirect names the host of the request.
    let origin = format!("{}://{}", address.scheme(), address.authority());
    assert!(address.path_within(&format!("{origin}/v1/x?y")).is_some_and(|path| path == "/v1/x?y"));
});

/// The path can be sent, and it is sent to the origin.
fn stays(address: &Address, path: &str) {
    let sent: PathAndQuery = path.parse().expect("a path that can be sent");
    assert!(sent.as_str().starts_with('/'));
    let uri = Uri::builder().scheme(address.scheme()).authority(address.authority()).path_and_query(sent);
    let uri = uri.build().expect("a URL");
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    assert_eq!((host, uri.scheme_str()), (address.host(), Some(address.scheme())));
}
