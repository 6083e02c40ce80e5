//! Signs in: credentials for a role and a region, from the session cache or from their source.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use secretref_protocol::net::Client;
use secretref_protocol::session_cache::{CacheKey, CachedSession, LoginError, NewSession, SessionCache};
use secretref_protocol::{Failure, Run, Secret, Setting, Settings, Stage};

use crate::choose;
use crate::endpoints::{self, Endpoint, Endpoints};
use crate::keys::Keys;
use crate::metadata;
use crate::profile_files::ProfileFiles;
use crate::region::{self, Region};
use crate::session::Session;
use crate::settings::{AUTH, ENDPOINT_URL, EXTERNAL_ID, REGION};
use crate::signed::{self, SignedRequest};
use crate::source::{AssumedRole, Source};

/// How a run signs in to AWS. It holds credentials and is not `Debug`.
pub struct SignIn {
    pub(crate) client: Arc<Client>,
    cache: SessionCache,
    pub(crate) region: Option<Region>,
    pub(crate) endpoints: Endpoints,
    store: Option<Endpoint>,
    source: Arc<Source>,
    /// For the roles of single secrets.
    external_id: Option<String>,
    session_name: Option<String>,
    /// AWS's files and profile, which are private.
    places: Vec<(&'static str, String)>,
    pub(crate) home: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) run: Run,
}

impl SignIn {
    /// Reads the settings of a store of AWS, and the files and tokens that they name. It connects to nothing.
    ///
    /// # Errors
    /// `MISCONFIGURED` if there is no source of credentials, or if one that is set cannot serve.
    pub fn from_settings(settings: &Settings, client: Arc<Client>) -> Result<Self, Failure> {
        let files = ProfileFiles::from_settings(settings)?;
        let auth = settings.text(&AUTH);
        choose::check(settings, auth)?;
        let endpoints = Endpoints::from_settings(settings, &files);
        let store = Endpoint::from_settings(settings, &files, &ENDPOINT_URL, "secrets_manager");
        let region = files.region(settings, &REGION)?;
        let source = choose::source(settings, &files, auth)?;
        files.warn_of_bundle(settings);
        Self::new(settings, client, (source, files.names()), (region, endpoints, Some(store)))
    }

    /// The same for a store that only uses AWS to sign in: the first credentials found that need no service of AWS. `region` is
    /// its setting of the region.
    ///
    /// # Errors
    /// As [`SignIn::from_settings`].
    pub fn for_other_store(
        settings: &Settings,
        client: Arc<Client>,
        region: &Setting<str>,
    ) -> Result<Self, Failure> {
        let files = ProfileFiles::from_settings(settings)?;
        let endpoints = Endpoints::usual(region.key);
        let found =
            settings.text(region).map(|text| Region::parse(text, settings.called(region))).transpose()?;
        let source = choose::at_hand(settings, &files)?;
        Self::new(settings, client, (source, files.names()), (found, endpoints, None))
    }

    fn new(
        settings: &Settings,
        client: Arc<Client>,
        (source, places): (Source, Vec<(&'static str, String)>),
        (region, endpoints, store): (Option<Region>, Endpoints, Option<Endpoint>),
    ) -> Result<Self, Failure> {
        let text = |setting| settings.text(setting).map(str::to_owned);
        Ok(Self {
            cache: SessionCache::from_settings(settings)?,
            home: settings.home().find().ok().map(|home| home.display().to_string()),
            timeout: settings.timeout(),
            run: settings.run().clone(),
            external_id: store.as_ref().and_then(|_| text(&EXTERNAL_ID)),
            session_name: if store.is_some() { choose::session_name(settings)? } else { None },
            source: Arc::new(source),
            places,
            client,
            region,
            endpoints,
            store,
        })
    }

    /// Returns the region of the settings or of the AWS profile. An instance is not asked for one.
    ///
    /// # Errors
    /// `MISCONFIGURED` if there is none.
    pub fn region(&self) -> Result<&Region, Failure> {
        self.region.as_ref().ok_or_else(|| {
            Failure::misconfigured(
                "there is no region: neither `region` nor the AWS profile has one",
                "set `region`, for example to eu-central-1; or ask for the secret by its ARN, and list that in `allow`",
            )
        })
    }

    /// Returns the endpoint of the store.
    #[must_use]
    pub fn store(&self) -> Option<&Endpoint> {
        self.store.as_ref()
    }

    /// Returns where the credentials are from, for a person.
    #[must_use]
    pub fn origin(&self) -> String {
        self.source.origin()
    }

    /// Returns a text that tells sign-ins apart before anything is asked for: the credential that is at hand.
    #[must_use]
    pub fn mark(&self) -> Secret {
        Secret::new(format!("{}\n{}", self.source.place(), self.source.mark().expose()))
    }

    /// Marks what `doctor` shows of it as private.
    pub fn redact(&self) {
        if let Ok(place) = self.cache.place() {
            self.run.redact("keep_session", place.display().to_string());
        }
        for (what, name) in self.source.names().into_iter().chain(self.places.clone()) {
            self.run.redact(what, name);
        }
    }

    /// Signs in: returns the credentials of the settings, or those of `role` assumed with them; kept ones if there are, and
    /// not the ones that the store `refused`. `region` is for STS if the settings name none.
    ///
    /// # Errors
    /// The failure of the source.
    pub async fn session(
        &self,
        role: Option<&str>,
        region: Option<&Region>,
        refused: Option<&Session>,
    ) -> Result<Session, Failure> {
        signed::check_clock(SystemTime::now())?;
        let source = self.source_of(role)?;
        let region = self.region.as_ref().or(region);
        let origin = source.origin();
        let session = self.obtain(&source, region, refused.and_then(|session| session.held.as_ref())).await?;
        if self.run.is_traced() {
            let age = session.age.map(|age| format!(", cached {} s ago", age.as_secs())).unwrap_or_default();
            self.run.fact(Stage::SignIn, format!("credentials of {origin}{age}"));
            if let Some(end) = session.keys.expires {
                let left = end.duration_since(SystemTime::now()).unwrap_or_default();
                self.run.ends_and_is_replaced("the credentials", left);
            }
        }
        Ok(session)
    }

    fn source_of(&self, role: Option<&str>) -> Result<Arc<Source>, Failure> {
        let Some(role) = role else { return Ok(Arc::clone(&self.source)) };
        Ok(Arc::new(Source::Role(AssumedRole {
            role: region::role(role, "role_arn")?,
            external_id: self.external_id.clone(),
            session_name: self.session_name.clone(),
            duration: None,
            base: Arc::clone(&self.source),
        })))
    }

    /// Returns kept credentials of a source, else new ones.
    pub(crate) fn obtain<'s>(
        &'s self,
        source: &'s Source,
        region: Option<&'s Region>,
        refused: Option<&'s Secret>,
    ) -> LocalBoxFuture<'s, Result<Session, Failure>> {
        async move {
            let origin = source.origin();
            if !source.is_kept() {
                let keys = self.fetch(source, region).await.map_err(failure)?;
                let secret_place = source.secret_place().map(str::to_owned);
                return Ok(Session { keys, held: None, age: None, origin, secret_place });
            }
            let (key, mark) = (self.key(source), source.mark());
            let credential = mark.expose().as_bytes();
            let sign_in = async || {
                let keys = self.fetch(source, region).await?;
                Ok(NewSession { lasts: keys.kept_for(SystemTime::now()), secret: keys.text() })
            };
            let mut held = self.cache.obtain(&key, credential, refused, &sign_in).await?;
            let mut keys = Keys::from_text(&held.secret);
            if keys.is_none() {
                // A session whose file is damaged is replaced, like one that is refused.
                held = self.cache.obtain(&key, credential, Some(&held.secret), &sign_in).await?;
                keys = Keys::from_text(&held.secret);
            }
            let keys = keys.ok_or_else(|| Failure::internal("a session that cannot be read back"))?;
            let CachedSession { secret, age } = held;
            Ok(Session { keys, held: Some(secret), age, origin, secret_place: None })
        }
        .boxed_local()
    }

    async fn fetch(&self, source: &Source, region: Option<&Region>) -> Result<Keys, LoginError> {
        match source {
            Source::Keys { keys, .. } => Ok(keys.copy()),
            Source::Container(source) => metadata::container(&self.client, source).await,
            Source::Instance(source) => Ok(metadata::instance(&self.client, source).await?),
            source => self.issued(source, region).await,
        }
    }

    #[cfg(not(feature = "roles"))]
    #[expect(clippy::unused_async, reason = "with roles it sends requests")]
    async fn issued(&self, _: &Source, _: Option<&Region>) -> Result<Keys, LoginError> {
        Err(Failure::internal("a source of credentials without its service").into())
    }

    /// Signs a request to STS that says who signed it, for another party to send. `more` is a header that is signed too.
    ///
    /// # Errors
    /// `MISCONFIGURED` if the region has no STS.
    pub fn signed(&self, session: &Session, more: Option<(&str, &str)>) -> Result<SignedRequest, Failure> {
        let (url, region) = endpoints::sts(&self.endpoints.sts, self.region.as_ref())?;
        signed::who_am_i(&session.keys, &url, &region, more, SystemTime::now())
    }

    /// Removes the kept credentials of a role, and refusals. AWS has no way to revoke them; they expire.
    ///
    /// # Errors
    /// `MISCONFIGURED` if `role` is not the ARN of a role.
    pub fn sign_out(&self, role: Option<&str>) -> Result<Option<&'static str>, Failure> {
        let source = self.source_of(role)?;
        let mut ended = None;
        let mut next = Some(&*source);
        while let Some(source) = next {
            if source.is_kept() {
                let key = self.key(source);
                let said = match (self.cache.session(&key), self.cache.was_refused(&key)) {
                    (Some(_), _) => Some(
                        "the cached credentials are removed; AWS cannot revoke them, and they expire by themselves",
                    ),
                    (None, true) => Some(
                        "no credentials are cached; the cached refusal is cleared, and the next start signs in",
                    ),
                    (None, false) => None,
                };
                self.cache.remove(&key);
                ended = ended.or(said);
            }
            next = match source {
                Source::Role(role) => Some(&*role.base),
                _ => None,
            };
        }
        Ok(ended)
    }

    /// The key of a source's session. It does not look for the endpoint in AWS's table, which takes longer than all the rest.
    ///
    /// The region is that of the settings alone: credentials that STS of one region has issued are valid in all of them.
    fn key(&self, source: &Source) -> CacheKey {
        let [sts, sso] = [&self.endpoints.sts, &self.endpoints.sso].map(Endpoint::mark);
        let region = self.region.as_ref().map_or("", Region::as_str);
        let trust = self.client.trust_mark();
        CacheKey::new(&["aws", "credentials", region, &sts, &sso, &trust, &source.place()])
    }
}

fn failure(miss: LoginError) -> Failure {
    match miss {
        LoginError::Refused(failure) | LoginError::Unclear(failure) | LoginError::Failed(failure) => failure,
    }
}
