//! Where Graph and its sign-in are: one of Microsoft's clouds over https, or a sandbox tenant on loopback.

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

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "the global cloud",
            Self::UsGovernment => "US Government L4",
            Self::UsDefense => "US Government L5 (DoD)",
            Self::China => "21Vianet (China)",
        }
    }

    /// Host of the sign-in.
    #[must_use]
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::UsGovernment | Self::UsDefense => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// What it lacks of what a registration needs.
    #[must_use]
    pub fn lacks(self) -> &'static [Feature] {
        match self {
            Self::Global => &[],
            Self::UsGovernment | Self::UsDefense => &[Feature::CreationOptions],
            Self::China => &[Feature::TemporaryAccessPass, Feature::CreationOptions],
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

    /// The portal in which an administrator signs in.
    #[must_use]
    pub fn portal(self) -> &'static str {
        match self {
            Self::Global => "https://portal.azure.com",
            Self::UsGovernment | Self::UsDefense => "https://portal.azure.us",
            Self::China => "https://portal.azure.cn",
        }
    }
}

/// What the registration of a key needs and not every cloud has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Temporary Access Passes: the route `tap`.
    TemporaryAccessPass,
    /// Creation options for passkeys: the routes `on-behalf` and `air-gapped`.
    CreationOptions,
}

impl Feature {
    /// Its name, and what cannot be done without it.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::TemporaryAccessPass => "Temporary Access Passes (route `tap`)",
            Self::CreationOptions => "creation options for passkeys (routes `on-behalf` and `air-gapped`)",
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
    /// A tenant for customers.
    #[error("external tenants (ciamlogin.com) have no emergency access accounts, so nothing is sent to: {0}")]
    External(String),
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
        if url.host_str().is_some_and(is_external) {
            return Err(AddressError::External(text.to_owned()));
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

    /// Scheme and host of the sign-in; that of a sandbox tenant is where its Graph is.
    #[must_use]
    pub fn login_origin(&self) -> String {
        match self.cloud {
            Some(cloud) => format!("https://{}", cloud.login_host()),
            None => self.origin.clone(),
        }
    }

    /// What a token for it is asked for: the first part of a scope.
    #[must_use]
    pub fn resource(&self) -> String {
        let cloud = self.cloud.unwrap_or(Cloud::Global);
        format!("https://{}", cloud.graph_host())
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.cloud.map_or("a sandbox tenant", Cloud::name)
    }

    /// What it lacks of what a registration needs.
    #[must_use]
    pub fn lacks(&self) -> &'static [Feature] {
        self.cloud.map_or(&[], Cloud::lacks)
    }

    /// Whether it is on this machine, so that it can only be a sandbox tenant.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.cloud.is_none()
    }

    /// The page where a person adds a security key.
    #[must_use]
    pub fn security_info(&self) -> String {
        match self.cloud {
            Some(cloud) => cloud.security_info().to_owned(),
            None => format!("{}/security-info", self.origin),
        }
    }

    /// The portal in which an administrator signs in.
    #[must_use]
    pub fn portal(&self) -> String {
        match self.cloud {
            Some(cloud) => cloud.portal().to_owned(),
            None => format!("{}/signin", self.origin),
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

/// Whether a host belongs to an external tenant.
pub(super) fn is_external(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "ciamlogin.com" || host.ends_with(".ciamlogin.com")
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
    fn each_cloud_has_its_own_hosts_and_a_sandbox_tenant_its_own_origin() {
        for cloud in Cloud::ALL {
            let service = Service::cloud(cloud);
            let ending = |host: &str| host.rsplit('.').next().map(str::to_owned);
            assert_eq!(
                ending(&service.login_origin()),
                ending(service.origin()),
                "{cloud:?}"
            );
            assert_eq!(service.resource(), service.origin());
        }
        let sandbox = Service::parse("http://127.0.0.1:8080/").unwrap();
        assert_eq!(sandbox.login_origin(), "http://127.0.0.1:8080");
        assert_eq!(sandbox.resource(), "https://graph.microsoft.com");
    }

    #[test]
    fn what_a_cloud_lacks_is_known() {
        let tap = |cloud: Cloud| cloud.lacks().contains(&Feature::TemporaryAccessPass);
        assert!(Cloud::ALL.into_iter().filter(|c| tap(*c)).eq([Cloud::China]));
        let options = |cloud: Cloud| cloud.lacks().contains(&Feature::CreationOptions);
        assert!(
            Cloud::ALL
                .into_iter()
                .filter(|c| !options(*c))
                .eq([Cloud::Global])
        );
        assert!(Service::parse("http://127.0.0.1:1").unwrap().lacks().is_empty());
    }

    #[test]
    fn an_external_tenant_is_refused_by_name() {
        let refused = Service::parse("https://contoso.ciamlogin.com");
        assert!(matches!(refused, Err(AddressError::External(_))), "{refused:?}");
        let other = Service::parse("https://notciamlogin.com");
        assert!(matches!(other, Err(AddressError::UnknownHost(_))), "{other:?}");
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
