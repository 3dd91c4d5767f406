//! Making and rotating a secret that signs what is sent to an address of the CRM's own: of its endpoints, and of its
//! line.

use domain::{Problems, Rejection};
use jiff::SignedDuration;
use serde::Deserialize;
use use_cases::NewSecret;
use utoipa::ToSchema;
use web::body::{Unknown, refuse_unknown};
use web::{ApiProblem, Given};

use crate::app::App;
use crate::handlers::accounts::new_version;

/// How long the earlier secret signs beside a new one, unless the request says otherwise, and at most.
const USUAL_OVERLAP_HOURS: i64 = 24;
const LONGEST_OVERLAP_HOURS: i64 = 7 * 24;

/// The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SecretRotate)]
pub(crate) struct RotateBody {
    /// For how many hours the earlier secret signs as well: 0 to 168, 24 unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<i64>, format = "overlap-hours")]
    overlap_hours: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl RotateBody {
    pub(crate) fn overlap(self) -> Result<SignedDuration, ApiProblem> {
        let mut problems = Problems::default();
        refuse_unknown::<Self>("", self.unknown, &mut problems);
        let hours = self.overlap_hours.parse("/overlap_hours", &mut problems, check_overlap);
        if !problems.is_empty() {
            return Err(ApiProblem::invalid(problems));
        }
        Ok(SignedDuration::from_hours(hours.value().unwrap_or(USUAL_OVERLAP_HOURS)))
    }
}

fn check_overlap(hours: i64) -> Result<i64, Rejection> {
    if (0..=LONGEST_OVERLAP_HOURS).contains(&hours) {
        Ok(hours)
    } else {
        Err(Rejection::new("out_of_range", format!("Give 0 to {LONGEST_OVERLAP_HOURS} hours.")))
    }
}

/// A secret for what the request may make.
pub(crate) fn new_secret(app: &App) -> Result<NewSecret, ApiProblem> {
    let bits = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    Ok(NewSecret::new(bits, new_version(app)?))
}
