//! The books of one simulator: its whole state, kept in memory and, where a folder was given, in one JSON file.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state of one simulator.
pub(super) struct Books<T> {
    file: Option<PathBuf>,
    content: Mutex<T>,
}

impl<T: Default + Serialize + DeserializeOwned> Books<T> {
    pub(super) fn open(folder: Option<&Path>, name: &str) -> io::Result<Self> {
        let file = folder.map(|folder| folder.join(name));
        let content = match &file {
            Some(file) => load(file)?,
            None => T::default(),
        };
        Ok(Self { file, content: Mutex::new(content) })
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the books and writes them down. An `edit` that answers `Err` must have left them as they were.
    ///
    /// A failed write is reported and does not fail the call: the books in memory are right, and the next change
    /// writes all of them again.
    pub(super) fn change<R, E>(&self, edit: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let mut content = self.lock();
        let done = edit(&mut content)?;
        if let Some(file) = &self.file
            && let Err(error) = save(file, &*content)
        {
            tracing::error!(%error, "A simulator could not write its books.");
        }
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Books<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Books").field("file", &self.file).finish_non_exhaustive()
    }
}

fn load<T: Default + DeserializeOwned>(file: &Path) -> io::Result<T> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Writes aside and renames, so that a process that dies half-way leaves the old books whole.
fn save<T: Serialize>(file: &Path, content: &T) -> io::Result<()> {
    let aside = file.with_extension("json.new");
    fs::write(&aside, serde_json::to_vec(content)?)?;
    fs::rename(&aside, file)
}

#[cfg(test)]
mod tests {
    use super::Books;
    use crate::gateways::ids::Ids;
    use crate::gateways::testing::TestResult;

    #[test]
    fn books_survive_a_restart() -> TestResult {
        let folder = std::env::temp_dir().join(format!("paylink-books-{}", Ids::seeded()?.text(12)));
        std::fs::create_dir_all(&folder)?;
        let books = Books::<Vec<u32>>::open(Some(&folder), "test.json")?;
        books.change(|content| {
            content.push(7);
            Ok::<_, std::convert::Infallible>(())
        })?;
        let reopened = Books::<Vec<u32>>::open(Some(&folder), "test.json")?.read(Clone::clone);
        std::fs::remove_dir_all(&folder)?;
        assert_eq!(reopened, [7]);
        Ok(())
    }
}
