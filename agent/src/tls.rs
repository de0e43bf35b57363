//! Whether something speaks TLS: it answers a greeting with a record of TLS.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::connection::Connection;

const ANSWER_FOR: Duration = Duration::from_secs(2);
/// Types of records: an alert, and the server's side of the handshake.
const ANSWERS: [u8; 2] = [0x15, 0x16];

/// Returns whether an address speaks TLS.
pub async fn speaks(address: SocketAddr) -> bool {
    let greeted = async {
        let mut stream = Connection::open(address).await?;
        stream.write_all(&greeting()).await?;
        let mut head = [0; 3];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(ANSWERS.contains(&head[0]) && head[1] == 3 && head[2] <= 4)
    };
    matches!(timeout(ANSWER_FOR, greeted).await, Ok(Ok(true)))
}

/// Returns a ClientHello (RFC 5246, 7.4.1.2) of the widely known kind.
fn greeting() -> Vec<u8> {
    const SUITES: [u16; 6] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0x009c, 0x002f];
    // Groups x25519 and P-256; points uncompressed; signatures by ECDSA and RSA.
    const EXTENSIONS: [u8; 30] = [
        0, 10, 0, 6, 0, 4, 0, 29, 0, 23, // supported_groups
        0, 11, 0, 2, 1, 0, // ec_point_formats
        0, 13, 0, 10, 0, 8, 4, 3, 8, 4, 4, 1, 2, 1, // signature_algorithms
    ];
    let mut hello = vec![3, 3];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend([0, 12]);
    hello.extend(SUITES.iter().flat_map(|suite| suite.to_be_bytes()));
    hello.extend([1, 0]);
    hello.extend([0, 30]);
    hello.extend(EXTENSIONS);
    // Both lengths fit in a byte.
    let length = u8::try_from(hello.len()).unwrap_or(u8::MAX);
    let mut record = vec![0x16, 3, 1, 0, length.saturating_add(4), 1, 0, 0, length];
    record.extend(hello);
    record
}
