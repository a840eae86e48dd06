//! Background tasks, under their organization.

use postrider_core::{
    ids::{Id as _, OrgId, TaskId},
    ports::{Scan, Tasks, Unavailable},
    recovery::Task,
};

use super::{Ledger, items::set_expires};
use crate::{
    cause::Cause,
    dynamo::{BadItem, Condition, Fields as _, Item, Put, Range, keyed, number, text},
};

const DOCUMENT: &str = "doc";

impl Tasks for Ledger {
    async fn save_task(&self, task: &Task) -> Result<bool, Unavailable> {
        let condition = match task.rev {
            0 | 1 => Condition::absent(),
            rev => Condition {
                expression: "#rev = :before",
                names: &[("#rev", "rev")],
                values: vec![(":before", number(rev - 1))],
            },
        };
        let item = item(task);
        match self.table.put_if(item.clone(), condition).await? {
            Put::Written => Ok(true),
            // The very same: it was written, and the answer was lost.
            Put::Refused(standing) => Ok(standing == item),
            Put::Conflict => Err(Unavailable::new("recording a task", Cause("conflict".to_owned()))),
        }
    }

    async fn task(&self, org: &OrgId, id: TaskId) -> Result<Option<Task>, Unavailable> {
        let item = self.table.get(org, id).await?;
        let task = item.map(|item| read(&item)).transpose();
        task.map_err(|error| Unavailable::new("reading a task", error))
    }

    async fn tasks(&self, org: &OrgId, scan: &Scan) -> Result<Vec<Task>, Unavailable> {
        let range = Range::prefixed(org, TaskId::PREFIX, scan.ascending).after(scan.after.clone());
        self.table.list(&range, scan.limit, read).await
    }
}

fn item(task: &Task) -> Item {
    let mut item = keyed(&task.org, task.id);
    item.insert("rev".to_owned(), number(task.rev));
    item.insert(DOCUMENT.to_owned(), text(serde_json::to_string(task).unwrap_or_default()));
    set_expires(&mut item, task.expires_at());
    item
}

fn read(item: &Item) -> Result<Task, BadItem> {
    serde_json::from_str(item.text(DOCUMENT)?).map_err(|_| BadItem::Document)
}
