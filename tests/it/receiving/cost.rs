//! What a request of a sender asks of AWS, as the function's own meter tells.

use postrider_tests::usages;

use super::*;

const FRESH: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_a_claim_and_a_message_and_one_that_is_refused_no_write() -> Result<()> {
    let stack = world().stack("receiving-cost", &[]).await?;
    let tenant = stack.tenant("cost").await?;
    let signed = sign(&[("github", "{}"); FRESH]).await?;
    for signed in &signed {
        let path = source(&tenant, json!({"type": "github"}), &signed.secret).await?;
        for status in [200, 200, 401] {
            let headers = if status == 401 { &[] } else { &signed.headers[..] };
            assert_eq!(send(&stack, Method::POST, &path, headers, b"{}").await?.status, status);
        }
    }
    // The last line of a function may still be on its way.
    let lines = usages(&stack, "ingest", "request handled", FRESH * 3 - 1).await?;
    let of = |status| lines.iter().filter(move |line| line.is("status", status));
    let (fresh, repeated): (Vec<_>, Vec<_>) = of(200).partition(|line| line.operation("DynamoDB.PutItem") == 2);
    assert_eq!((fresh.len(), repeated.len()), (FRESH, FRESH));
    for line in fresh {
        // The source is read once in ten seconds, what its organization demands in thirty: here for the first time.
        assert!(line.operation("DynamoDB.GetItem") <= 2 && line.operation("DynamoDB.Query") == 1, "{line:?}");
        assert!(line.is("write_units", 2), "{line:?}");
    }
    for line in repeated {
        // A claim that is refused is billed as a write, but its answer does not say so.
        assert!(line.operation("DynamoDB.PutItem") == 1 && line.is("sqs_requests", 0), "{line:?}");
    }
    for line in of(401) {
        assert!(line.is("write_units", 0) && line.get("dynamodb_requests") < 2.0, "{line:?}");
    }
    let reads = of(200).map(|line| line.get("read_units")).sum::<f64>();
    println!("received: 2 write units each; repeated: 1 write; refused: none; {reads} read units for {}", FRESH * 2);
    Ok(())
}
