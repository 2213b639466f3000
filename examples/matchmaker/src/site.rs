//! The website in front: pages, scripts, and the npm package for browsers.

use std::path::Path;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::{MethodRouter, get};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// Scripts, styles and connections of this site alone; WebAssembly may be compiled. Bridges are
/// other hosts, and connections to them are needed.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     connect-src 'self' https: http://127.0.0.1:* http://localhost:*; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Routes of the website. `package` is the folder of the npm package, as `cargo xtask web-package`
/// builds it.
pub fn router(package: &Path) -> Router {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let routes = Router::new()
        .route("/", file("text/html", include_str!("../site/index.html")))
        .route("/admin", file("text/html", include_str!("../site/admin.html")))
        .route("/style.css", file("text/css", include_str!("../site/style.css")))
        .route("/site.js", script(include_str!("../site/site.js")))
        .route("/game.js", script(include_str!("../site/game.js")))
        .route("/admin.js", script(include_str!("../site/admin.js")))
        // The game is that of the example for browsers.
        .route("/arena.js", script(include_str!("../../browser/page/arena.js")))
        .nest_service("/netcode-wasm", ServeDir::new(package));
    headers.into_iter().fold(routes, |routes, (name, value)| {
        routes.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}

fn script(text: &'static str) -> MethodRouter {
    file("text/javascript", text)
}

fn file(kind: &'static str, text: &'static str) -> MethodRouter {
    get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
}
