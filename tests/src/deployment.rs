//! What is tested.

use std::{
    sync::{LazyLock, mpsc},
    time::Duration,
};

use minigate_local::{Api, DevServer, Options, development};
use reqwest::{Client, Method, redirect};

use crate::{Bot, Request};

/// Longer than the API may take for anything.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A running API, and what a test must know of it.
pub struct Deployment {
    base_url: String,
    /// A bot of the deployment.
    pub bot: Bot,
    /// An administrator.
    pub admin_id: u64,
    /// An origin that browsers may call from.
    pub origin: String,
    api_key: Option<String>,
    client: Client,
    /// Kept running.
    _api: Option<Api>,
}

impl Deployment {
    /// The deployment that all tests share: that of the environment, or else a server in this
    /// process.
    ///
    /// Each call makes a client of its own, because a connection lives in the runtime of the test
    /// that opened it.
    pub fn shared() -> Self {
        Self::of_environment().unwrap_or_else(|| Self::local(SHARED_SERVER.clone(), None))
    }

    /// The deployment that the environment names, if it does:
    ///
    /// | variable | meaning | default |
    /// |---|---|---|
    /// | `MINIGATE_BASE_URL` | where the API is, without a slash at the end | the tests start one |
    /// | `MINIGATE_BOT_TOKEN` | the token of one of its bots | required |
    /// | `MINIGATE_BOT_ID` | that bot's id | as in the token |
    /// | `MINIGATE_ADMIN_USER_ID` | one of its administrators | 42 |
    /// | `MINIGATE_API_KEY` | an API key, for the routes of machine clients | none is sent |
    /// | `MINIGATE_ALLOWED_ORIGIN` | one of its origins | `http://localhost:5173` |
    pub fn of_environment() -> Option<Self> {
        let base_url = variable("MINIGATE_BASE_URL")?.trim_end_matches('/').to_owned();
        let token = variable("MINIGATE_BOT_TOKEN")
            .expect("with MINIGATE_BASE_URL, MINIGATE_BOT_TOKEN must be set");
        let bot = Bot::new(&token);
        if let Some(id) = variable("MINIGATE_BOT_ID") {
            assert_eq!(id, bot.id.to_string(), "MINIGATE_BOT_ID is not that of MINIGATE_BOT_TOKEN");
        }
        let admin = variable("MINIGATE_ADMIN_USER_ID");
        let admin = admin.map(|id| id.parse().expect("MINIGATE_ADMIN_USER_ID must be a number"));
        let local = Self::local(base_url, None);
        Some(Self {
            bot,
            admin_id: admin.unwrap_or(local.admin_id),
            origin: variable("MINIGATE_ALLOWED_ORIGIN").unwrap_or(local.origin.clone()),
            api_key: variable("MINIGATE_API_KEY"),
            ..local
        })
    }

    /// A deployment with the values of development.
    pub(crate) fn local(base_url: String, api: Option<Api>) -> Self {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .build();
        Self {
            base_url,
            bot: Bot::new(development::BOT_TOKEN),
            admin_id: development::USER_ID,
            origin: "http://localhost:5173".to_owned(),
            api_key: None,
            client: client.unwrap(),
            _api: api,
        }
    }

    /// Where it is.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A request to this path.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let request = Request::new(self.client.request(method, format!("{}{path}", self.base_url)));
        match &self.api_key {
            Some(key) if path == "/v1/verify" => request.header("x-api-key", key),
            _ => request,
        }
    }

    /// A `GET` of this path.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// A `POST` to this path.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    /// A `PATCH` of this path.
    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    /// A `PUT` to this path.
    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    /// A `DELETE` of this path.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }
}

/// Limits that tests do not reach, which all come from one address and share an administrator, and
/// time for the calls of limiter and cache on a machine that is busy with tests.
const WIDE: [(&str, &str); 4] = [
    ("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1000000"),
    ("MINIGATE_LIMITS", "api=5000,admin=9999,login=9999,login-address=99999,refresh=9999"),
    ("MINIGATE_LIMITER_MILLISECONDS", "5000"),
    ("MINIGATE_CACHE_MILLISECONDS", "5000"),
];

/// The variables of a server in this process: those of development, wide limits, and `more` in the
/// place of either.
pub(crate) fn variables(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut variables = development::variables();
    for (name, value) in WIDE.iter().chain(more.iter()) {
        variables.retain(|(other, _)| other != name);
        variables.push(((*name).to_owned(), (*value).to_owned()));
    }
    variables
}

/// The base URL of a server in this process, on a runtime of its own that outlives every test.
static SHARED_SERVER: LazyLock<String> = LazyLock::new(|| {
    let (started, base_url) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let options = Options { variables: variables(&[]), ..Options::default() };
            let server = DevServer::start(options).await.unwrap();
            started.send(server.base_url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    base_url.recv().expect("the shared server does not start")
});

#[expect(clippy::disallowed_methods, reason = "the one place where the tests read the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
