use std::task::Wake;

use super::*;

static ADD: Procedure = Procedure::new("svc1", "add", &["int", "int"], &["int"]);

/// Records whether it was woken.
#[derive(Debug, Default)]
struct WokenFlag(AtomicBool);

impl Wake for WokenFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_that_begins_just_before_the_driver_waits_is_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    // The driver of this session does not run before this test awaits something.
    let session = MultiplexedSession::start(stream.into(), "client1");
    let other = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let mut driver = Driver::new(other.into(), Arc::clone(&session.shared));
    let woken = Arc::new(WokenFlag::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = &mut Context::from_waker(&waker);
    while driver.write(cx).is_ok() && !driver.batch.is_empty() {}
    assert!(matches!(driver.read(cx), Ok(false)));
    let now = Instant::now();
    let time = CallTime {
        now,
        deadline: now + Duration::from_secs(1),
    };
    let mut call = pin!(session.call::<i64>(&ADD, time, |out| (2_i64, 3_i64).encode(out.bytes())));
    assert!(call.as_mut().poll(cx).is_pending());
    woken.0.store(false, Ordering::SeqCst);
    assert!(driver.wait(cx).is_pending());
    assert!(
        woken.0.load(Ordering::SeqCst),
        "the driver waits although a call was not sent"
    );
}

#[tokio::test]
async fn a_session_whose_server_takes_no_bytes_ends_at_the_write_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its address");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let session = MultiplexedSession::start(stream.into(), "client1");
    let other = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let mut driver = Driver::new(other.into(), Arc::clone(&session.shared));
    let cx = &mut Context::from_waker(Waker::noop());
    driver.stalled_since = Instant::now().checked_sub(WRITE_TIMEOUT / 2);
    assert!(driver.wait(cx).is_pending());
    driver.stalled_since = Instant::now().checked_sub(WRITE_TIMEOUT);
    let ended = std::future::poll_fn(|cx| driver.wait(cx));
    let ended = tokio::time::timeout(WRITE_TIMEOUT, ended).await;
    assert!(matches!(ended, Ok(SessionLoss::Stalled)), "{ended:?}");
}
