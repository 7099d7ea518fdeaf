//! What the caller says of proxies, and the environment where the caller leaves it to that.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use super::settings::{Settings, environment, tls_options};
use crate::connect::{OpenError, ProxyChoice, ProxyOptions, ProxyTable, ProxyUrl, TlsOptions};

impl Settings<'_> {
    pub(super) fn proxy_options(
        &self,
        py: Python<'_>,
    ) -> PyResult<Result<ProxyOptions, OpenError>> {
        let choice = if let Ok(url) = self.proxy.cast::<PyString>() {
            ProxyUrl::parse(url.to_str()?).map(ProxyChoice::Through)
        } else if let Ok(named) = self.proxy.cast::<PyDict>() {
            Ok(ProxyChoice::ByScheme(table(named.extract()?)))
        } else if self.proxy.is_none() {
            Ok(ProxyChoice::Direct)
        } else {
            // The environment names none.
            Ok(ProxyChoice::ByScheme(ProxyTable::default()))
        };
        let nothing_is_said = self.proxy_ssl.is_none()
            && self.proxy_server_hostname.is_none()
            && self.proxy_headers.is_empty();
        if nothing_is_said && choice.as_ref().is_ok_and(ProxyChoice::is_none) {
            return Ok(Ok(ProxyOptions::default()));
        }
        let is_config = !self.proxy_ssl.is_none() && !self.proxy_ssl.is_instance_of::<PyBool>();
        let tls = if is_config {
            tls_options(&self.proxy_ssl)?
        } else {
            TlsOptions { environment: environment(py)?, ..TlsOptions::default() }
        };
        let server_hostname = match &self.proxy_server_hostname {
            None if is_config => self.proxy_ssl.getattr("server_hostname")?.extract()?,
            name => name.clone(),
        };
        Ok(choice.map(|choice| ProxyOptions {
            choice,
            tls,
            needs_tls: !self.proxy_ssl.is_none() || self.proxy_server_hostname.is_some(),
            server_hostname,
            fields: self.proxy_headers.clone(),
            user_agent: self.user_agent_header.clone(),
        }))
    }
}

/// What the environment names: the URL of a proxy by its scheme, and NO_PROXY as `no`.
fn table(mut named: HashMap<String, String>) -> ProxyTable {
    let mut take = |scheme| named.remove(scheme);
    ProxyTable {
        ws: take("ws"),
        wss: take("wss"),
        socks: take("socks"),
        https: take("https"),
        http: take("http"),
        all: take("all"),
        no: take("no").unwrap_or_default(),
    }
}
