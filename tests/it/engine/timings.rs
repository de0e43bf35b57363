//! What the calls cost. Printed on demand: `cargo test --test it timings -- --ignored --nocapture`.

use super::*;

#[tokio::test]
#[ignore = "prints timings"]
async fn timings() {
    let it = Fixture::new();
    let begun = Instant::now();
    it.engine.prepare().await.unwrap();
    println!("prepare, first: {:?}", begun.elapsed());
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for round in 0..10 {
        let mut note = |what, since: Instant| times.entry(what).or_default().push(since.elapsed());
        let begun = Instant::now();
        it.engine.prepare().await.unwrap();
        note("prepare, again", begun);

        let mut spec = it.spec(&format!("folders{round}"), "");
        let begun = Instant::now();
        let id = it.engine.run(spec.clone()).await.unwrap();
        note("run, with folders", begun);

        let begun = Instant::now();
        let mut io = it.engine.dial(&id).await.unwrap();
        note("dial", begun);
        let mut byte = [0];
        io.write_all(b"echo\nx").await.unwrap();
        io.read_exact(&mut byte).await.unwrap();
        note("dial to first answer", begun);
        let begun = Instant::now();
        for _ in 0..100 {
            io.write_all(b"x").await.unwrap();
            io.read_exact(&mut byte).await.unwrap();
        }
        note("100 round trips", begun);
        drop(io);

        for (what, paused) in [("pause", true), ("unpause", false)] {
            let begun = Instant::now();
            it.engine.set_paused(&id, paused).await.unwrap();
            note(what, begun);
        }
        let begun = Instant::now();
        let image = it.engine.commit(&id, &format!("{}:{round}", it.instance), BTreeMap::new()).await.unwrap();
        note("commit, nothing installed", begun);

        let begun = Instant::now();
        it.engine.containers().await.unwrap();
        note("list", begun);
        let begun = Instant::now();
        it.engine.container(&id).await.unwrap();
        note("look at one", begun);

        spec.name = it.name(&format!("plain{round}"));
        spec.image = image.id;
        spec.make_folders = false;
        let begun = Instant::now();
        let plain = it.engine.run(spec).await.unwrap();
        note("run, without folders", begun);
        for id in [id, plain] {
            let begun = Instant::now();
            it.engine.remove(&id).await.unwrap();
            note("remove", begun);
        }
    }
    for (what, mut all) in times {
        all.sort();
        println!("{what}: p50 {:?}, from {:?} to {:?}", all[all.len() / 2], all[0], all[all.len() - 1]);
    }
}
