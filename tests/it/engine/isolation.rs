//! What holds a container in.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn every_limit_is_on_a_container() {
    let it = Fixture::new();
    let id = it.run("limits", "").await;

    let found = inspect("container", &id);
    let (config, host) = (&found["Config"], &found["HostConfig"]);

    let expected = [
        (&config["User"], json!("1000:1000")),
        (&config["Hostname"], json!("preview")),
        (&config["WorkingDir"], json!("/app")),
        (&config["Entrypoint"], json!(["/previewd/agent", "run"])),
        (&config["Healthcheck"]["Test"], json!(["NONE"])),
        (&config["StopTimeout"], json!(1)),
        (&config["Tty"], json!(false)),
        (&host["Memory"], json!(64 * 1024 * 1024)),
        (&host["MemorySwap"], json!(64 * 1024 * 1024)),
        (&host["NanoCpus"], json!(500_000_000)),
        (&host["PidsLimit"], json!(64)),
        (&host["CapDrop"], json!(["ALL"])),
        (&host["CapAdd"], Value::Null),
        (&host["Privileged"], json!(false)),
        (&host["SecurityOpt"], json!(["no-new-privileges:true"])),
        (&host["Init"], json!(false)),
        (&host["IpcMode"], json!("private")),
        (&host["PidMode"], json!("")),
        (&host["UsernsMode"], json!("")),
        (&host["NetworkMode"], json!(it.instance)),
        (&host["PortBindings"], json!({})),
        (&host["PublishAllPorts"], json!(false)),
        (&host["RestartPolicy"], json!({"Name": "no", "MaximumRetryCount": 0})),
        (&host["AutoRemove"], json!(false)),
        (&host["Sysctls"], json!({"net.ipv4.ip_unprivileged_port_start": "0"})),
        (&host["LogConfig"], json!({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}})),
        (&host["Ulimits"][0]["Name"], json!("nofile")),
        (&host["Binds"], Value::Null),
        (&host["Devices"], json!([])),
    ];
    for (seen, wanted) in expected {
        // An empty list and none are one to the daemon.
        let empty = |it: &Value| it.is_null() || *it == json!([]) || *it == json!({});
        assert!(*seen == wanted || empty(seen) && empty(&wanted), "{seen} is not {wanted}");
    }
    assert!(matches!(host["OomKillDisable"], Value::Null | Value::Bool(false)));
    assert!(host["MaskedPaths"].as_array().unwrap().len() > 5);
    assert!(host["ReadonlyPaths"].as_array().unwrap().len() > 3);
    let mounts = found["Mounts"].as_array().unwrap();
    assert_eq!(mounts.len(), 1);
    assert_eq!(mounts[0]["Destination"], "/previewd");
    assert_eq!(mounts[0]["RW"], false);
}

#[tokio::test]
async fn the_app_has_its_folders_and_no_power() {
    let it = Fixture::new();
    let mut spec = it.spec("powers", "");
    spec.environment.insert("A".into(), "spec".into());
    let id = it.engine.run(spec).await.unwrap();

    assert_eq!(it.ask(&id, "id -u; id -g").await, "1000\n1000");
    assert_eq!(it.ask(&id, "for d in /app /home/preview /tmp; do echo x >$d/f && cat $d/f; done").await, "x\nx\nx");
    assert_eq!(it.ask(&id, "echo $HOME $A").await, "/home/preview spec");
    assert!(it.ask(&id, "echo x >/previewd/f").await.contains("ead-only"));
    assert!(it.ask(&id, "rm -f /previewd/agent").await.contains("ead-only"));
    let status = it.ask(&id, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status").await;
    for (name, value) in status.lines().filter_map(|line| line.split_once(":\t")) {
        match name {
            "NoNewPrivs" => assert_eq!(value, "1"),
            "Seccomp" => assert_eq!(value, "2"),
            _ => assert_eq!(value.trim_start_matches('0'), "", "{name}"),
        }
    }
    assert_eq!(it.ask(&id, "cat /proc/1/comm").await, "agent");
}

/// Serves a page on port 80, as a user who is not root.
const SERVE: &str = "printf 'pid /tmp/p;error_log stderr;events{}http{access_log off;client_body_temp_path /tmp/a;\
    proxy_temp_path /tmp/b;fastcgi_temp_path /tmp/c;uwsgi_temp_path /tmp/d;scgi_temp_path /tmp/e;\
    server{listen 80;return 200 here;}}' >/tmp/n.conf; nginx -c /tmp/n.conf";

#[tokio::test]
async fn containers_cannot_reach_one_another() {
    let it = Fixture::new();
    let server = it.run("server", SERVE).await;
    let other = it.run("other", SERVE).await;
    let address = it.engine.upstream(&server, 80).await.unwrap();
    until("the server answers this process", || async { tokio::net::TcpStream::connect(address).await.is_ok() }).await;

    let connect = |host: &str| {
        format!(
            "if command -v bash >/dev/null; then timeout 2 bash -c 'exec 3<>/dev/tcp/{host}/80'; \
             else nc -z -w 2 {host} 80; fi >/dev/null 2>&1 && echo connected || echo refused"
        )
    };
    assert_eq!(it.ask(&other, &connect("127.0.0.1")).await, "connected");
    assert_eq!(it.ask(&other, &connect(&address.ip().to_string())).await, "refused");
    // Nor by name.
    assert_eq!(it.ask(&other, &connect(&it.name("server"))).await, "refused");
}

#[tokio::test]
async fn a_container_that_has_ended_has_no_upstream() {
    let it = Fixture::new();
    let id = it.run("ended", "exit 0").await;
    until("it has ended", || async { it.engine.upstream(&id, 80).await.is_err() }).await;
}

#[tokio::test]
async fn a_network_that_is_not_ours_is_refused_by_name() {
    let it = Fixture::new();
    let label = format!("{LABEL_INSTANCE}={}", it.instance);
    docker(&["network", "create", "--label", &label, &it.instance]);
    let err = it.engine.prepare().await.unwrap_err().to_string();
    assert!(err.contains(&it.instance) && err.contains("enable_icc") && err.contains("PREVIEW_NETWORK"), "{err}");

    docker(&["network", "rm", &it.instance]);
    let icc = "com.docker.network.bridge.enable_icc=false";
    docker(&["network", "create", "--label", &label, "-o", icc, &it.instance]);
    let err = it.engine.prepare().await.unwrap_err().to_string();
    assert!(err.contains("not made by previewd"), "{err}");
    // Nor is it removed.
    it.engine.remove_all().await.unwrap();
    assert_eq!(it.left("network").len(), 1);
}

#[tokio::test]
async fn callers_who_prepare_at_once_make_one_network() {
    let it = Fixture::new();
    let options =
        (0..6).map(|number| DockerOptions { network: it.instance.clone(), ..options(&it.name(&number.to_string())) });
    let engines: Vec<_> = options.map(|it| DockerEngine::connect(it).unwrap()).collect();
    let tasks: Vec<_> = engines.into_iter().map(|it| tokio::spawn(async move { it.prepare().await })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &format!("name={}", it.instance)]).lines().count(), 1);
    let found = inspect("network", &it.instance);
    assert_eq!(found["Options"]["com.docker.network.bridge.enable_icc"], "false");
    assert_eq!(found["EnableIPv6"], false);
    assert_eq!(found["Labels"][LABEL_ROLE], "network");
}
