//! Whether the credentials may read in batches, which IAM grants apart from the right to read. That they may not is
//! remembered between starts, where sessions are cached.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secretref_protocol::Secret;
use secretref_protocol::session_cache::{CacheKey, NewSession, SessionCache};

/// How long it is remembered. After that, a batch is tried once more.
const PERIOD: Duration = Duration::from_hours(1);

/// The right of some credentials to read in batches.
pub(crate) struct BatchRight {
    cache: Arc<SessionCache>,
    identity: CacheKey,
}

impl BatchRight {
    /// The right of those who sign in like this: endpoint, region, role, and the way to sign in.
    pub(crate) fn new(cache: Arc<SessionCache>, parts: &[&str]) -> Self {
        let parts: Vec<&str> = ["secretref-aws batch right"].iter().chain(parts).copied().collect();
        Self { cache, identity: CacheKey::new(&parts) }
    }

    /// Whether an earlier start was refused, a short time ago.
    pub(crate) fn is_denied(&self) -> bool {
        let until = self.cache.session(&self.identity).and_then(|text| text.expose().parse().ok());
        until.is_some_and(|until: u64| (now()..=now() + PERIOD.as_secs()).contains(&until))
    }

    /// Remembers a refusal. If it cannot be written, the next start finds out again.
    pub(crate) async fn deny(&self) {
        let until = Secret::new((now() + PERIOD.as_secs()).to_string());
        let note = async || Ok(NewSession { secret: until, lasts: PERIOD });
        let old = self.cache.session(&self.identity);
        let _ = self.cache.obtain(&self.identity, b"", old.as_ref(), note).await;
    }

    /// Forgets a refusal.
    pub(crate) fn forget(&self) {
        self.cache.remove(&self.identity);
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
