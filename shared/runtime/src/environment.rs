//! The environment variables of a function, read with their names in every error.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A variable that stops the start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error("the environment variable {name} is missing")]
    Missing { name: &'static str },
    #[error("the environment variable {name} cannot be used: {reason}")]
    Invalid { name: &'static str, reason: String },
}

impl ConfigurationError {
    pub fn invalid(name: &'static str, reason: impl fmt::Display) -> Self {
        Self::Invalid { name, reason: reason.to_string() }
    }
}

/// Names and values. An empty value counts as absent, because a template cannot leave a variable out.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    pub fn of_the_process() -> Self {
        // Variables that are no Unicode are none of ours.
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    pub fn required(&self, name: &'static str) -> Result<String, ConfigurationError> {
        self.optional(name).ok_or(ConfigurationError::Missing { name })
    }

    pub fn optional(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A value of a type that can be read from text.
    pub fn parsed<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ConfigurationError>
    where
        T::Err: fmt::Display,
    {
        self.optional(name)
            .map(|value| value.parse().map_err(|error| ConfigurationError::invalid(name, error)))
            .transpose()
    }

    /// An absolute web address as it is read, without its final slash.
    pub fn base_url(&self, name: &'static str) -> Result<String, ConfigurationError> {
        let value = self.required(name)?;
        match url::Url::parse(&value) {
            Ok(url) if url.has_host() => Ok(url.as_str().trim_end_matches('/').to_owned()),
            Ok(_) => Err(ConfigurationError::invalid(name, "it names no host")),
            Err(error) => Err(ConfigurationError::invalid(name, error)),
        }
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let environment = Environment::from([("PAYLINK_TABLE", "")]);
        let error = environment.required("PAYLINK_TABLE").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable PAYLINK_TABLE is missing");
        let wrong = Environment::from([("PAYLINK_BASE_URL", "nowhere")]);
        assert!(wrong.base_url("PAYLINK_BASE_URL").unwrap_err().to_string().contains("PAYLINK_BASE_URL"));
        let odd = Environment::from([("PAYLINK_BASE_URL", "https:PAY.example.com//")]);
        assert_eq!(odd.base_url("PAYLINK_BASE_URL").unwrap(), "https://pay.example.com");
    }
}
