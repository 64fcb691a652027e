//! Shards: a share of the rows for each of several machines, which need not know one another.

use std::fmt;

use crate::report::error::{Error, Kind, Result};

/// The share `number` of `count`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    count: u64,
}

impl Shard {
    /// Reads `2/8`, or `auto`: from the variables of a Slurm array job or of an Indexed Job of Kubernetes.
    ///
    /// # Errors
    /// When it is none, or there are no such variables.
    pub fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard> {
        let wrong = |what: String| {
            Error::new(Kind::Usage, what).hint(
                "write --shard K/N, the share K of N from 1, or --shard auto in a job of Slurm or Kubernetes",
            )
        };
        let shard = if text == "auto" {
            of_environment(variable).ok_or_else(|| {
                wrong("this is no array job: neither SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT nor JOB_COMPLETION_INDEX and JOB_COMPLETIONS are set".to_owned())
            })?
        } else {
            let parts = text.split_once('/');
            let parts = parts.and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
            let (number, count) = parts.ok_or_else(|| wrong(format!("`{text}` is no share")))?;
            Shard { number, count }
        };
        if shard.number == 0 || shard.number > shard.count {
            return Err(wrong(format!("there is no share {} of {}", shard.number, shard.count)));
        }
        Ok(shard)
    }

    /// True if the row of this number, from 0, is in it.
    pub fn has(self, number: usize) -> bool {
        number as u64 % self.count == self.number - 1
    }

    /// Its name in names of files: `2of8`.
    pub fn name(self) -> String {
        format!("{}of{}", self.number, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.number, self.count)
    }
}

fn of_environment(variable: &dyn Fn(&str) -> Option<String>) -> Option<Shard> {
    let number = |name: &str| variable(name)?.trim().parse::<u64>().ok();
    if let (Some(id), Some(count)) = (number("SLURM_ARRAY_TASK_ID"), number("SLURM_ARRAY_TASK_COUNT")) {
        // `--array=0-7`, `--array=1-8`, `--array=10-80:10`.
        let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP").filter(|step| *step > 0).unwrap_or(1);
        return Some(Shard { number: id.checked_sub(first)? / step + 1, count });
    }
    let (index, count) = (number("JOB_COMPLETION_INDEX")?, number("JOB_COMPLETIONS")?);
    Some(Shard { number: index + 1, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_share() {
        for count in 1..9 {
            for row in 0..50 {
                let shares = (1..=count).filter(|number| Shard { number: *number, count }.has(row)).count();
                assert_eq!(shares, 1);
            }
        }
    }

    #[test]
    fn shares_are_read_from_the_command_and_from_schedulers() {
        let check = |text: &str, variables: &[(&str, &str)], wanted: Option<&str>| {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(
                Shard::parse(text, &variable).ok().map(|it| it.to_string()).as_deref(),
                wanted,
                "{text} {variables:?}"
            );
        };
        check("2/8", &[], Some("2/8"));
        ["0/8", "9/8", "1", "a/b", "1/0", "auto"].iter().for_each(|text| check(text, &[], None));
        let slurm = |id, min| {
            [("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_COUNT", "8"), ("SLURM_ARRAY_TASK_MIN", min)]
        };
        check("auto", &slurm("0", "0"), Some("1/8"));
        check("auto", &slurm("8", "1"), Some("8/8"));
        let steps = [&slurm("30", "10")[..], &[("SLURM_ARRAY_TASK_STEP", "10")]].concat();
        check("auto", &steps, Some("3/8"));
        check("auto", &[("JOB_COMPLETION_INDEX", "3"), ("JOB_COMPLETIONS", "4")], Some("4/4"));
        check("auto", &[("JOB_COMPLETION_INDEX", "4"), ("JOB_COMPLETIONS", "4")], None);
    }
}
