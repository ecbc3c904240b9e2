//! Libraries that know nothing of gopark, over its sockets: whatever takes `Read` and `Write` works
//! unchanged, and only its goroutine waits.

#[path = "support/drives.rs"]
mod drives;

use std::io;

use drives::both_drives;
use gopark::go;
use gopark::net::{TcpListener, TcpStream};
use gopark::sync::WaitGroup;
use http_io::client::HttpRequestBuilder;
use http_io::protocol::{HttpBody, HttpResponse, HttpStatus};
use http_io::server::{HttpRequestHandler, HttpServer, Listen};
use tungstenite::Message;

/// gopark's listener, as the HTTP library wants one.
struct Listener(TcpListener);

impl Listen for Listener {
    type Stream = TcpStream;
    fn accept(&self) -> http_io::error::Result<TcpStream> {
        Ok(self.0.accept()?.0)
    }
}

/// What the HTTP library serves: greetings, and the length of what it is sent.
struct Greeter;

type Answer<'a> = http_io::error::Result<HttpResponse<Box<dyn io::Read + 'a>>>;

impl<I: io::Read> HttpRequestHandler<I> for Greeter {
    type Error = http_io::error::Error;

    fn get(&mut self, uri: String) -> Answer<'_> {
        Ok(HttpResponse::from_string(HttpStatus::OK, format!("hello {uri}")))
    }

    fn put<'a>(&'a mut self, _uri: String, mut body: HttpBody<&mut I>) -> Answer<'a> {
        let len = io::copy(&mut body, &mut io::sink())?;
        Ok(HttpResponse::from_string(HttpStatus::OK, format!("{len} bytes")))
    }
}

#[test]
fn an_http_server_and_its_clients() {
    const CLIENTS: usize = 6;
    let program = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let server = go(move || {
            let mut server = HttpServer::new(Listener(listener), Greeter);
            for _ in 0..CLIENTS {
                server.serve_one().expect("one comes");
            }
        });
        let wg = WaitGroup::new();
        for i in 0..CLIENTS {
            drop(wg.go(move || {
                let url = format!("http://{addr}/number{i}");
                let stream = TcpStream::connect(addr).expect("it listens");
                let request = HttpRequestBuilder::get(url.as_str()).expect("a URL");
                let mut answer = request.send(stream).expect("sent").finish().expect("answered");
                let mut body = String::new();
                io::Read::read_to_string(&mut answer.body, &mut body).expect("until its end");
                assert_eq!(body, format!("hello /number{i}"));
            }));
        }
        wg.wait();
        server.join().expect("no panic");
    };
    both_drives(program, |ended| ended.expect("it returns"));
}

#[test]
fn websockets_both_ways() {
    let program = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let server = go(move || {
            for _ in 0..3 {
                let (stream, _) = listener.accept().expect("one comes");
                drop(go(move || {
                    let mut socket = tungstenite::accept(stream).expect("it shakes hands");
                    while let Ok(message) = socket.read() {
                        if message.is_text() {
                            let text = message.into_text().expect("text").to_uppercase();
                            socket.send(Message::text(text)).expect("it is open");
                        }
                    }
                }));
            }
        });
        let wg = WaitGroup::new();
        for i in 0..3 {
            drop(wg.go(move || {
                let stream = TcpStream::connect(addr).expect("it listens");
                let url = format!("ws://{addr}/");
                let (mut socket, _) = tungstenite::client(url, stream).expect("it shakes hands");
                for round in 0..5 {
                    let text = format!("client {i}, round {round}");
                    socket.send(Message::text(text.clone())).expect("it is open");
                    let back = socket.read().expect("it answers").into_text().expect("text");
                    assert_eq!(back.as_str(), text.to_uppercase());
                }
                socket.close(None).expect("it is open");
                while socket.read().is_ok() {}
            }));
        }
        wg.wait();
        server.join().expect("no panic");
    };
    both_drives(program, |ended| ended.expect("it returns"));
}
