//! The gRPC service without protobuf: bytes in, bytes out, as with Ifrit.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, streams: bool| {
        let method = Method::builder()
            .name(name)
            .route_name(route)
            .input_type("bytes::Bytes")
            .output_type("bytes::Bytes")
            .codec_path("crate::grpc::Raw");
        if streams { method.client_streaming().build() } else { method.build() }
    };
    let service = Service::builder()
        .name("Peer")
        .package("compare")
        .method(method("ask", "Ask", false))
        .method(method("send", "Send", true))
        .build();
    Builder::new().compile(&[service]);
}
