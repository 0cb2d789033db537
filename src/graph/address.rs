//! Where Graph is: one of Microsoft's clouds over https, or a sandbox tenant on loopback.

use url::{Host, Url};

/// A Microsoft cloud; a token of one never goes to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// The global cloud and GCC.
    Global,
    /// US Government L4.
    UsGovernment,
    /// US Government L5 (DoD).
    UsDefense,
    /// 21Vianet. It has no Temporary Access Pass.
    China,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Global, Self::UsGovernment, Self::UsDefense, Self::China];

    /// Host of Graph.
    #[must_use]
    pub fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::UsGovernment => "graph.microsoft.us",
            Self::UsDefense => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The page where a person adds a security key.
    #[must_use]
    pub fn security_info(self) -> &'static str {
        match self {
            Self::Global => "https://mysignins.microsoft.com/security-info",
            Self::UsGovernment | Self::UsDefense => "https://mysignins.microsoft.us/security-info",
            Self::China => "https://mysignins.microsoft.cn/security-info",
        }
    }
}

/// Why an address is not one that a token may go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("this is not a URL: {0}")]
    NotUrl(String),
    /// http, and not on loopback.
    #[error("plain http is allowed for a sandbox tenant on a loopback address only, not for: {0}")]
    Plain(String),
    /// An unknown host.
    #[error("no Microsoft cloud has its Graph there, so the token is not sent to: {0}")]
    UnknownHost(String),
}

/// One Graph service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    origin: String,
    cloud: Option<Cloud>,
}

impl Service {
    /// Graph of a Microsoft cloud.
    #[must_use]
    pub fn cloud(cloud: Cloud) -> Self {
        Self {
            origin: format!("https://{}", cloud.graph_host()),
            cloud: Some(cloud),
        }
    }

    /// Reads a base URL: a sandbox tenant on loopback, or Graph of one of the clouds.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::NotUrl(text.to_owned()))?;
        let loopback = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            _ => false,
        };
        if loopback && matches!(url.scheme(), "http" | "https") {
            return Ok(Self {
                origin: url.origin().ascii_serialization(),
                cloud: None,
            });
        }
        if url.scheme() != "https" {
            return Err(AddressError::Plain(text.to_owned()));
        }
        Cloud::ALL
            .into_iter()
            .find(|c| url.host_str() == Some(c.graph_host()) && url.port().is_none())
            .map(Self::cloud)
            .ok_or_else(|| AddressError::UnknownHost(text.to_owned()))
    }

    /// Scheme and host.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is on this machine, so that it can only be a sandbox tenant.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.cloud.is_none()
    }

    /// Whether it issues creation options, so that keys can be registered on behalf of their accounts.
    #[must_use]
    pub fn issues_creation_options(&self) -> bool {
        matches!(self.cloud, None | Some(Cloud::Global))
    }

    /// The page where a person adds a security key.
    #[must_use]
    pub fn security_info(&self) -> String {
        match self.cloud {
            Some(cloud) => cloud.security_info().to_owned(),
            None => format!("{}/security-info", self.origin),
        }
    }

    /// Path and query of a link that Graph sent, if it stays at this service.
    pub(super) fn local(&self, link: &str) -> Option<String> {
        let url = Url::parse(link).ok()?;
        if url.origin().ascii_serialization() != self.origin {
            return None;
        }
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        Some(format!("{}{query}", url.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_microsoft_or_to_this_machine_only() {
        for good in [
            "https://graph.microsoft.com",
            "https://graph.microsoft.us/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/v1.0",
        ] {
            assert!(Service::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com",
            "https://graph.microsoft.com.evil.example",
            "https://graph.microsoft.com@evil.example",
            "https://graph.microsoft.com:8443",
            "http://192.168.1.1:8080",
            "http://localhost.evil.example",
            "file:///etc/passwd",
            "graph",
        ] {
            assert!(Service::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_global_cloud_issues_creation_options() {
        for cloud in Cloud::ALL {
            let issues = Service::cloud(cloud).issues_creation_options();
            assert_eq!(issues, cloud == Cloud::Global, "{cloud:?}");
        }
        let sandbox = Service::parse("http://127.0.0.1:8080").unwrap();
        assert!(sandbox.issues_creation_options());
    }

    #[test]
    fn links_stay_at_the_service() {
        let service = Service::cloud(Cloud::Global);
        assert_eq!(
            service
                .local("https://graph.microsoft.com/v1.0/users?$skiptoken=1")
                .as_deref(),
            Some("/v1.0/users?$skiptoken=1")
        );
        assert_eq!(service.local("https://graph.microsoft.us/v1.0/users"), None);
        assert_eq!(service.local("http://graph.microsoft.com/v1.0/users"), None);
    }
}
