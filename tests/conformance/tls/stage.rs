//! A broker with TLS, and a bare client that speaks it.

use std::{
    fs,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use broker_protocol::{Frame, Method, encode, frame::PROTOCOL_HEADER, method::connection};
use bytes::BytesMut;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use warren_tests::{broker::Broker, patience::SOON};

use crate::tls::certificates::{Authority, Files};

/// A broker that speaks TLS, whose user `app` may log in with a certificate or a password.
pub(super) struct Stage {
    pub(super) broker: Broker,
    pub(super) authority: Authority,
    pub(super) server: Files,
    folder: TempDir,
}

/// A socket that speaks TLS.
pub(super) type Secure = StreamOwned<ClientConnection, TcpStream>;

// === impl Stage ===

impl Stage {
    /// The password of the user `app`.
    pub(super) const PASSWORD: &str = "a secret";

    /// None when the broker under test is someone else's.
    pub(super) fn set(arguments: &[&str]) -> Option<Self> {
        if std::env::var_os("WARREN_CONFORMANCE_URI").is_some() {
            println!("skipped: the broker under test has certificates of its own");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (authority, server) = (Authority::new(), Files::named(folder.path(), "server"));
        authority.write(&path("ca.crt"));
        // The broker's address is chosen as it starts: until then, any will do.
        authority.serve([127, 0, 0, 1].into(), &server);
        fs::write(path("username"), "app").unwrap();
        fs::write(path("password"), Self::PASSWORD).unwrap();
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut all = vec![
            "--amqps-listen={address}:5671".to_owned(),
            "--management-tls-listen={address}:15671".to_owned(),
            "--tls-login-from=common_name".to_owned(),
            flag("credentials-dir", folder.path()),
            flag("tls-cert", &server.certificate),
            flag("tls-key", &server.key),
            flag("tls-client-ca", &path("ca.crt")),
        ];
        all.extend(arguments.iter().map(ToString::to_string));
        let broker = Broker::start(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let stage = Self { broker, authority, server, folder };
        stage.authority.serve(stage.address(5671).ip(), &stage.server);
        Some(stage)
    }

    pub(super) fn address(&self, port: u16) -> SocketAddr {
        let address: IpAddr = self.broker.uri.host.parse().unwrap();
        (address, port).into()
    }

    /// A file in the folder of this stage.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for `user`, signed by `authority`.
    pub(super) fn certificate(&self, authority: &Authority, user: &str) -> Files {
        let files = Files::named(self.folder.path(), user);
        authority.certify(user, &files);
        files
    }

    /// Where clients find AMQP over TLS.
    pub(super) fn uri(&self) -> String {
        let password = Self::PASSWORD.replace(' ', "%20");
        format!("amqps://app:{password}@{}/", self.address(5671))
    }

    /// Connects with these versions and perhaps a certificate, up to the end of the handshake.
    pub(super) fn connect(
        &self,
        port: u16,
        versions: &[&'static SupportedProtocolVersion],
        certificate: Option<&Files>,
    ) -> io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.crt")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = vec![CertificateDer::from_pem_file(&files.certificate).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let address = self.address(port);
        let name = address.ip().into();
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut socket = dial(address);
        tls.complete_io(&mut socket)?;
        Ok(StreamOwned::new(tls, socket))
    }
}

/// A socket that gives up in the end.
pub(super) fn dial(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, SOON).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// The mechanisms that the broker offers.
pub(super) fn greet(stream: &mut Secure) -> io::Result<String> {
    stream.write_all(&PROTOCOL_HEADER)?;
    next(stream, |method| match method {
        Method::ConnectionStart(start) => String::from_utf8_lossy(start.mechanisms).into_owned(),
        other => panic!("{}", other.name()),
    })
}

/// Greets and logs in; what the broker answers.
pub(super) fn log_in(stream: &mut Secure, mechanism: &str, response: &[u8]) -> io::Result<String> {
    greet(stream)?;
    let start = connection::StartOk { mechanism, response, locale: "en_US", ..Default::default() };
    let mut output = BytesMut::new();
    encode::method(&mut output, 0, start);
    stream.write_all(&output)?;
    next(stream, |method| method.name().to_owned())
}

/// The next method.
fn next<T>(stream: &mut Secure, look: impl FnOnce(&Method<'_>) -> T) -> io::Result<T> {
    let mut input = Vec::new();
    loop {
        if let Some(frame) = Frame::first(&input, 0).map_err(io::Error::other)? {
            return Ok(look(&Method::decode(frame.payload).map_err(io::Error::other)?));
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => input.extend_from_slice(&chunk[..count]),
        }
    }
}
