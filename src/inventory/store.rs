//! One way to speak SQL to both databases: placeholders `?1`, text and whole numbers, one transaction at a time.

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use postgres::types::{ToSql, Type};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags};
use time::OffsetDateTime;

use super::address::Address;
use super::event::read_stamp;
use super::{InventoryError, tls};

/// How long a lock of somebody else is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open database.
pub(super) enum Store {
    /// SQLite.
    File(rusqlite::Connection),
    /// PostgreSQL, with the statements that it has prepared.
    Server(Box<postgres::Client>, HashMap<String, postgres::Statement>),
}

/// A value in a row or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
}

/// One row of an answer.
pub(super) struct Row(Vec<Value>);

impl Store {
    /// Connects; a file is made where `create` says so.
    pub(super) fn open(address: &Address, create: bool) -> Result<Self, InventoryError> {
        match address {
            Address::File(path) => open_file(path, create).map(Self::File),
            Address::Server(server) => {
                let mut client = tls::connect(server)?;
                let patience = PATIENCE.as_secs();
                client
                    .batch_execute(&format!("SET lock_timeout = '{patience}s'; SET timezone = 'UTC'"))
                    .map_err(|error| server_error(&error))?;
                Ok(Self::Server(Box::new(client), HashMap::new()))
            }
        }
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Server(..))
    }

    /// Changes rows; returns how many.
    pub(super) fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, InventoryError> {
        match self {
            Self::File(file) => file
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
                .map(|count| count as u64)
                .map_err(|error| file_error(&error)),
            Self::Server(client, prepared) => statement(client, prepared, sql)
                .and_then(|statement| client.execute(&statement, &borrowed(values)))
                .map_err(|error| server_error(&error)),
        }
    }

    /// Reads rows.
    pub(super) fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, InventoryError> {
        match self {
            Self::File(file) => query_file(file, sql, values).map_err(|error| file_error(&error)),
            Self::Server(client, prepared) => statement(client, prepared, sql)
                .and_then(|statement| client.query(&statement, &borrowed(values)))
                .and_then(|rows| rows.iter().map(server_row).collect())
                .map_err(|error| server_error(&error)),
        }
    }

    /// Runs several statements that take no values.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), InventoryError> {
        match self {
            Self::File(file) => file.execute_batch(sql).map_err(|error| file_error(&error)),
            Self::Server(client, _) => client.batch_execute(sql).map_err(|error| server_error(&error)),
        }
    }

    /// Does something whole or not at all.
    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, InventoryError>,
    ) -> Result<T, InventoryError> {
        // A writer of SQLite takes its lock at the start: two that read first and write later would refuse each other.
        self.batch(if self.is_server() {
            "BEGIN"
        } else {
            "BEGIN IMMEDIATE"
        })?;
        let result = work(self).and_then(|result| self.batch("COMMIT").map(|()| result));
        if result.is_err() {
            // Where the connection is gone, the server has done so already.
            let _ = self.batch("ROLLBACK");
        }
        result
    }

    /// The present by the clock that all registrars share: the server's, or this machine's.
    pub(super) fn clock(&mut self) -> Result<OffsetDateTime, InventoryError> {
        if !self.is_server() {
            return Ok(OffsetDateTime::now_utc());
        }
        let sql = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#;
        let rows = self.query(sql, &[])?;
        let now = rows.first().and_then(|row| read_stamp(&row.text(0)));
        now.ok_or_else(|| InventoryError::Database("the server does not tell the time".into()))
    }
}

impl Row {
    /// A text; empty where there is none.
    pub(super) fn text(&self, column: usize) -> String {
        self.optional_text(column).unwrap_or_default()
    }

    pub(super) fn optional_text(&self, column: usize) -> Option<String> {
        match self.0.get(column) {
            Some(Value::Text(text)) => text.clone(),
            _ => None,
        }
    }

    pub(super) fn integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => *number,
            _ => None,
        }
    }
}

fn open_file(path: &Path, create: bool) -> Result<rusqlite::Connection, InventoryError> {
    let cannot =
        |error: &dyn std::fmt::Display| InventoryError::Database(format!("{}: {error}", path.display()));
    if create {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let made = std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder);
            made.map_err(|error| cannot(&error))?;
        }
        // SQLite would make it readable for everybody.
        let made = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path);
        made.map_err(|error| cannot(&error))?;
    } else if !path.exists() {
        return Err(InventoryError::Missing(path.display().to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = rusqlite::Connection::open_with_flags(path, flags).map_err(|error| file_error(&error))?;
    let set_up = || {
        file.busy_timeout(PATIENCE)
            .and_then(|()| file.pragma_update(None, "foreign_keys", true))
            // Readers and a writer do not wait for each other.
            .and_then(|()| file.pragma_update(None, "journal_mode", "WAL"))
            // Power may fail: a claim or an event that was answered is on disk.
            .and_then(|()| file.pragma_update(None, "synchronous", "FULL"))
            .and_then(|()| file.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())))
    };
    let end = Instant::now() + PATIENCE;
    let mut result = set_up();
    // Two that switch a new file to WAL at once: SQLite refuses one of them without waiting.
    while result
        .as_ref()
        .is_err_and(|e| e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
        && Instant::now() < end
    {
        std::thread::sleep(Duration::from_millis(20));
        result = set_up();
    }
    match result {
        Ok(()) => Ok(file),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(InventoryError::Foreign(path.display().to_string()))
        }
        Err(error) => Err(file_error(&error)),
    }
}

fn query_file(file: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = file.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Text(None),
                ValueRef::Integer(number) => Value::Integer(Some(number)),
                other => Value::Text(Some(String::from_utf8_lossy(other.as_bytes()?).into_owned())),
            })
        };
        found.push(Row((0..columns).map(value).collect::<rusqlite::Result<_>>()?));
    }
    Ok(found)
}

/// A statement, prepared once per connection; PostgreSQL counts its placeholders with `$`.
fn statement(
    client: &mut postgres::Client,
    prepared: &mut HashMap<String, postgres::Statement>,
    sql: &str,
) -> Result<postgres::Statement, postgres::Error> {
    if let Some(statement) = prepared.get(sql) {
        return Ok(statement.clone());
    }
    let statement = client.prepare(&sql.replace('?', "$"))?;
    prepared.insert(sql.to_owned(), statement.clone());
    Ok(statement)
}

fn borrowed(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    fn borrow(value: &Value) -> &(dyn ToSql + Sync) {
        match value {
            Value::Text(text) => text,
            Value::Integer(number) => number,
        }
    }
    values.iter().map(borrow).collect()
}

fn server_row(row: &postgres::Row) -> Result<Row, postgres::Error> {
    let value = |(index, column): (usize, &postgres::Column)| {
        Ok(if *column.type_() == Type::INT8 {
            Value::Integer(row.try_get(index)?)
        } else {
            Value::Text(row.try_get(index)?)
        })
    };
    row.columns()
        .iter()
        .enumerate()
        .map(value)
        .collect::<Result<_, _>>()
        .map(Row)
}

fn file_error(error: &rusqlite::Error) -> InventoryError {
    InventoryError::Database(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!(
                "another program kept the file locked for {} s",
                PATIENCE.as_secs()
            )
        }
        _ => error.to_string(),
    })
}

pub(super) fn server_error(error: &postgres::Error) -> InventoryError {
    use std::error::Error as _;
    let text = match (error.as_db_error(), error.source()) {
        // Without detail and parameters, which can hold what was written.
        (Some(refusal), _) => format!("{} ({})", refusal.message(), refusal.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    };
    InventoryError::Database(text)
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Integer(Some(number)) => ValueRef::Integer(*number),
            Self::Text(None) | Self::Integer(None) => ValueRef::Null,
        }))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}
