//! Tables of the inventory and the way from each schema version to the next; never back.

use super::address::Address;
use super::event::stamp;
use super::store::Store;
use super::{InventoryError, Kind};

/// Each entry leads from the version that is its index to the next one. `NUMBER` and `TEXT` are replaced by a
/// database's own words; `KEEP TABLE` makes rows of a table last.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE glasskey_inventory (version BIGINT NOT NULL, kind TEXT, created TEXT NOT NULL);
CREATE TABLE glasskey_ceremonies (
    ceremony TEXT PRIMARY KEY, title TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL,
    tenant TEXT, pin_custody TEXT NOT NULL, station TEXT NOT NULL, station_version TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL, transcript_sha256 TEXT NOT NULL, imported TEXT NOT NULL);
CREATE TABLE glasskey_keys (
    label TEXT PRIMARY KEY, ceremony TEXT NOT NULL REFERENCES glasskey_ceremonies (ceremony),
    state TEXT NOT NULL, account TEXT NOT NULL, place BIGINT NOT NULL, custodian TEXT, safe TEXT,
    slip BIGINT, key_bag TEXT, slip_bag TEXT, second_slip_bag TEXT,
    product TEXT NOT NULL, aaguid TEXT NOT NULL, serial TEXT, fingerprint TEXT NOT NULL, attested BIGINT NOT NULL,
    public_key TEXT NOT NULL UNIQUE, facts TEXT NOT NULL, prepared TEXT NOT NULL,
    registered TEXT, proven TEXT, drilled TEXT, tenant TEXT, user_id TEXT, method TEXT,
    claim_run TEXT, claim_who TEXT, claim_until TEXT);
CREATE INDEX glasskey_keys_account ON glasskey_keys (account);
CREATE TABLE glasskey_events (
    id NUMBER, label TEXT NOT NULL REFERENCES glasskey_keys (label), time TEXT NOT NULL, what TEXT NOT NULL,
    state TEXT NOT NULL, who TEXT NOT NULL, source TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX glasskey_events_label ON glasskey_events (label);
KEEP UPDATE OR DELETE ON glasskey_events;
KEEP DELETE ON glasskey_keys;
"];

/// Begins an inventory where there is none.
pub(super) fn create(store: &mut Store, address: &Address) -> Result<(), InventoryError> {
    let now = store.clock()?;
    store.transaction(|store| {
        if store.is_server() {
            // Two registrars may begin the same inventory; the second waits for the first.
            store.batch("SELECT pg_advisory_xact_lock(5498219601)")?;
        }
        match tables(store)? {
            (true, _) => return Ok(()),
            (false, 0) => {}
            (false, _) => return Err(InventoryError::Foreign(address.to_string())),
        }
        migrate(store, 0, &MIGRATIONS)?;
        let sql = "INSERT INTO glasskey_inventory (version, kind, created) VALUES (?1, NULL, ?2)";
        store.execute(sql, &[known(&MIGRATIONS).into(), stamp(now).into()])?;
        Ok(())
    })
}

/// Refuses an inventory of a newer program and brings an older one up to date.
pub(super) fn bring_up_to_date(store: &mut Store, address: &Address) -> Result<(), InventoryError> {
    match tables(store)? {
        (true, _) => update(store, &MIGRATIONS),
        (false, 0) => Err(InventoryError::Missing(address.to_string())),
        (false, _) => Err(InventoryError::Foreign(address.to_string())),
    }
}

fn update(store: &mut Store, migrations: &[&str]) -> Result<(), InventoryError> {
    let known = known(migrations);
    let check = |found: i64| {
        if found > known {
            return Err(InventoryError::Newer { found, known });
        }
        Ok(found < known)
    };
    if !check(version(store)?)? {
        return Ok(());
    }
    store.transaction(|store| {
        if store.is_server() {
            store.batch("SELECT pg_advisory_xact_lock(5498219601)")?;
        }
        // Somebody else may have done it in the meantime.
        let found = version(store)?;
        if check(found)? {
            migrate(store, found, migrations)?;
            store.execute("UPDATE glasskey_inventory SET version = ?1", &[known.into()])?;
        }
        Ok(())
    })
}

/// Says for good what an inventory holds, or refuses what it does not hold.
pub(super) fn settle_kind(store: &mut Store, kind: Kind, ceremony: &str) -> Result<(), InventoryError> {
    let sql = "UPDATE glasskey_inventory SET kind = ?1 WHERE kind IS NULL OR kind = ?1";
    if store.execute(sql, &[kind.word().into()])? > 0 {
        return Ok(());
    }
    Err(InventoryError::Mixed {
        inventory: match kind {
            Kind::Real => Kind::Rehearsal,
            Kind::Rehearsal => Kind::Real,
        },
        manifest: kind,
        ceremony: ceremony.to_owned(),
    })
}

/// What the inventory holds, once it holds anything.
pub(super) fn kind(store: &mut Store) -> Result<Option<Kind>, InventoryError> {
    let rows = store.query("SELECT kind FROM glasskey_inventory", &[])?;
    let word = rows.first().and_then(|row| row.optional_text(0));
    Ok(word.map(|word| {
        if word == Kind::Real.word() {
            Kind::Real
        } else {
            Kind::Rehearsal
        }
    }))
}

fn known(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

fn version(store: &mut Store) -> Result<i64, InventoryError> {
    let rows = store.query("SELECT version FROM glasskey_inventory", &[])?;
    let version = rows.first().and_then(|row| row.integer(0));
    version.ok_or_else(|| InventoryError::Database("its schema version is missing".into()))
}

/// Whether the inventory's tables are there, and how many others are in the way.
fn tables(store: &mut Store) -> Result<(bool, i64), InventoryError> {
    let sql = if store.is_server() {
        // A server's database may hold other things.
        "SELECT count(*), 0::bigint FROM pg_catalog.pg_tables
            WHERE tablename = 'glasskey_inventory' AND schemaname = current_schema()"
    } else {
        "SELECT count(*) FILTER (WHERE name = 'glasskey_inventory'), count(*) FROM sqlite_master WHERE type = 'table'"
    };
    let rows = store.query(sql, &[])?;
    let number = |column| rows.first().and_then(|row| row.integer(column)).unwrap_or(0);
    Ok((number(0) > 0, number(1)))
}

fn migrate(store: &mut Store, from: i64, migrations: &[&str]) -> Result<(), InventoryError> {
    let server = store.is_server();
    let steps = migrations
        .iter()
        .skip(usize::try_from(from).unwrap_or(usize::MAX));
    for statement in steps.flat_map(|step| step.split(";\n")).map(str::trim) {
        match statement.strip_prefix("KEEP ") {
            _ if statement.is_empty() => {}
            Some(what) => store.batch(&keep(what, server))?,
            None if server => store.batch(
                &statement
                    .replace(" TEXT", r#" TEXT COLLATE "C""#)
                    .replace(" NUMBER", " BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
            )?,
            None => store.batch(&statement.replace(" NUMBER", " INTEGER PRIMARY KEY AUTOINCREMENT"))?,
        }
    }
    Ok(())
}

/// Triggers that refuse to change or delete; `what` is `DELETE ON TABLE` or `UPDATE OR DELETE ON TABLE`.
fn keep(what: &str, server: bool) -> String {
    let (acts, table) = what.split_once(" ON ").unwrap_or((what, ""));
    if server {
        return format!(
            "CREATE FUNCTION {table}_keep() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'rows of {table} are kept as they are'; END $$;
            CREATE TRIGGER {table}_keep BEFORE {acts} OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION {table}_keep();"
        );
    }
    let trigger = |act: &str| {
        format!(
            "CREATE TRIGGER {table}_keep_{} BEFORE {act} ON {table}
                BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept as they are'); END;",
            act.to_lowercase()
        )
    };
    acts.split(" OR ").map(trigger).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(folder: &tempfile::TempDir) -> (Address, Store) {
        let address = Address::File(folder.path().join("inventory.sqlite"));
        let mut store = Store::open(&address, true).unwrap();
        create(&mut store, &address).unwrap();
        (address, store)
    }

    #[test]
    fn an_older_schema_goes_forward_once_and_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut store) = fresh(&folder);
        settle_kind(&mut store, Kind::Rehearsal, "C").unwrap();
        let next = [MIGRATIONS[0], "ALTER TABLE glasskey_keys ADD COLUMN note TEXT;\n"];
        for _ in 0..2 {
            update(&mut store, &next).unwrap();
            assert_eq!(version(&mut store), Ok(2));
        }
        assert_eq!(kind(&mut store), Ok(Some(Kind::Rehearsal)));
        assert!(store.query("SELECT note FROM glasskey_keys", &[]).is_ok());
        // The same file, opened by the program before.
        assert_eq!(
            update(&mut store, &MIGRATIONS),
            Err(InventoryError::Newer { found: 2, known: 1 })
        );
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut store) = fresh(&folder);
        let broken = [MIGRATIONS[0], "CREATE TABLE half (a TEXT);\nCREATE NONSENSE;\n"];
        assert!(update(&mut store, &broken).is_err());
        assert_eq!(version(&mut store), Ok(1));
        assert!(store.query("SELECT a FROM half", &[]).is_err());
    }

    #[test]
    fn an_inventory_is_real_or_a_rehearsals_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut store) = fresh(&folder);
        assert_eq!(kind(&mut store), Ok(None));
        settle_kind(&mut store, Kind::Real, "C").unwrap();
        settle_kind(&mut store, Kind::Real, "C").unwrap();
        assert!(settle_kind(&mut store, Kind::Rehearsal, "C").is_err());
        assert_eq!(kind(&mut store), Ok(Some(Kind::Real)));
    }

    #[test]
    fn what_is_no_inventory_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "not a database, but long enough to be looked at as one").unwrap();
        let foreign = Store::open(&Address::File(text), true).err();
        assert!(matches!(foreign, Some(InventoryError::Foreign(_))), "{foreign:?}");
        let other = Address::File(folder.path().join("other"));
        let mut store = Store::open(&other, true).unwrap();
        store.batch("CREATE TABLE songs (name TEXT)").unwrap();
        assert!(matches!(
            create(&mut store, &other),
            Err(InventoryError::Foreign(_))
        ));
        let missing = Address::File(folder.path().join("missing"));
        assert!(matches!(
            Store::open(&missing, false).err(),
            Some(InventoryError::Missing(_))
        ));
    }
}
