//! `Shard`: the images of one machine, if several run the same command. Pure.

use std::fmt;
use std::str::FromStr;

use messages::Advice;
use oci::{Digest, RepositoryPath};

/// Which machine this is, of how many. All images of a target repository are in the same shard, so that a
/// repository is created once and its blobs can be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// How many machines there are.
    pub count: u32,
}

impl Shard {
    /// Whether a repository at the destination is in this shard. That depends only on its path, so that all
    /// machines agree.
    pub fn has(self, target: &RepositoryPath) -> bool {
        let digest = Digest::of(target.as_str().as_bytes());
        // 15 digits of 4 bits fit.
        let hash = u64::from_str_radix(&digest.hex()[..15], 16).unwrap_or_default();
        hash % u64::from(self.count) == u64::from(self.index - 1)
    }
}

impl FromStr for Shard {
    type Err = Advice;

    /// Parses `2/4`: the second of four.
    fn from_str(text: &str) -> Result<Self, Advice> {
        let numbers = text.split_once('/');
        let numbers =
            numbers.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err(Advice::new(format!("`{}` is not a shard", text.escape_debug()))
                .with_hint("write which one of how many, from `1/4` to `4/4`")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepositoryPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_shard_is_one_of_several() {
        for (text, expected) in
            [("1/1", Some((1, 1))), ("2/4", Some((2, 4))), ("4/4", Some((4, 4)))]
        {
            let parsed = text.parse::<Shard>().ok();
            assert_eq!(parsed.map(|shard| (shard.index, shard.count)), expected, "{text}");
            assert_eq!(parsed.map(|shard| shard.to_string()).as_deref(), Some(text));
        }
        for text in ["", "1", "0/4", "5/4", "0/0", "-1/4", "1/4/2", "a/b", "1/"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.message.contains("is not a shard"), "{text}: {error}");
        }
    }

    #[test]
    fn each_repository_is_in_exactly_one_shard_and_shards_are_of_similar_size() {
        for count in [1, 3, 8] {
            let mut sizes = vec![0; count as usize];
            for number in 0..2000 {
                let path = path(&format!("team-{}/image-{number}", number % 7));
                let shards = (1..=count).map(|index| Shard { index, count });
                let having: Vec<_> = shards.filter(|shard| shard.has(&path)).collect();
                let [only] = having[..] else { panic!("{path}: {having:?}") };
                sizes[only.index as usize - 1] += 1;
            }
            let mean = 2000 / count as usize;
            let is_close = |size: &usize| size.abs_diff(mean) < mean / 5;
            assert!(sizes.iter().all(is_close), "{sizes:?}");
        }
    }

    #[test]
    fn the_shard_of_a_repository_does_not_change() {
        // Machines with different versions of the program may run the same list.
        let shard_of = |text: &str| {
            let mut shards = (1..=4).map(|index| Shard { index, count: 4 });
            shards.find(|shard| shard.has(&path(text))).unwrap().index
        };
        let shards = ["stackstate/wait", "library/busybox", "a"].map(shard_of);
        assert_eq!(shards, [2, 1, 1]);
    }
}
