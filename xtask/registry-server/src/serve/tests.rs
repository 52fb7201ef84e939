//! Tests over a loopback port.

use std::sync::Arc;

use bytes::Bytes;
use oci::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::*;
use crate::memory::Memory;

/// A registry with one blob, and what ends it.
async fn start(content: &Bytes) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let memory = Memory { is_read_only: true, ..Memory::default() };
    memory.blobs.lock().unwrap().insert(Digest::of(content), content.clone());
    let listening = Listening::at("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, (end, ended)) = (listening.address(), oneshot::channel());
    let registry = ServedRegistry::new(Arc::new(memory));
    let serving = tokio::spawn(listening.serve(registry, async { drop(ended.await) }));
    (address, end, serving)
}

fn get(content: &[u8]) -> String {
    format!("GET /v2/a/blobs/{} HTTP/1.1\r\nhost: x\r\n\r\n", Digest::of(content))
}

/// Reads a response with a body of this length.
async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        let head = received.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head.filter(|head| received.len() >= head + 4 + length) {
            return received.split_off(head + 4);
        }
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "the connection closed");
    }
}

#[tokio::test]
async fn many_clients_pull_at_once_and_keep_their_connections() {
    let content: Bytes = vec![7; 300_000].into();
    let (address, _end, _serving) = start(&content).await;
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let content = content.clone();
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for _ in 0..3 {
                stream.write_all(get(&content).as_bytes()).await.unwrap();
                assert_eq!(read(&mut stream, content.len()).await, content);
            }
        });
    }
    assert_eq!(clients.join_all().await.len(), 20);
}

#[tokio::test]
async fn what_is_being_sent_at_the_end_is_sent_to_its_end() {
    let content: Bytes = vec![7; 20_000_000].into();
    let (address, end, serving) = start(&content).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let idle = TcpStream::connect(address).await.unwrap();
    stream.write_all(get(&content).as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    end.send(()).unwrap();
    assert_eq!(read(&mut stream, content.len()).await, content);
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}
