using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.RealPrograms;

/// <summary>What people will run through a forward: curl, OpenSSH, PostgreSQL, Redis.</summary>
public sealed class RealProgramTests
{
    [ProgramFact("curl")]
    public async Task Curl_downloads_200_MB_and_the_hash_is_right()
    {
        const int length = 200_000_000;
        using var folder = new TemporaryFolder();
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync(server.EndPoint.ToString());
        await using var forward = await gateway.ForwardAsync(server.EndPoint);

        await Programs.RunAsync(Programs.Start("curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--output", folder.File("download"), $"http://{forward.Listen}/{length}"));

        await using var file = File.OpenRead(folder.File("download"));
        file.Length.ShouldBe(length);
        (await SHA256.HashDataAsync(file)).ShouldBe(ByteServer.HashOf(length));
    }

    [ProgramFact("curl")]
    public async Task Curl_downloads_through_a_SOCKS5_proxy_and_is_told_what_no_rule_allows()
    {
        const int length = 20_000_000;
        using var folder = new TemporaryFolder();
        await using var server = await ByteServer.StartAsync();
        await using var gateway = await RealGateway.StartAsync($"localhost:{server.EndPoint.Port}");
        await using var socks = new RunningForward([new SocksSpecification(new(IPAddress.Loopback, 0))], gateway.Url);
        await socks.NextReadyAsync();
        string[] common = ["--silent", "--show-error", "--fail", "--noproxy", "", "--socks5-hostname", socks.Listen.ToString()];

        await Programs.RunAsync(Programs.Start("curl", [.. common, "--output", folder.File("download"), $"http://localhost:{server.EndPoint.Port}/{length}"]));

        await using var file = File.OpenRead(folder.File("download"));
        (await SHA256.HashDataAsync(file)).ShouldBe(ByteServer.HashOf(length));
        var denied = await Record.ExceptionAsync(() => Programs.RunAsync(Programs.Start("curl", [.. common, "http://10.1.2.3/"])));
        denied.ShouldNotBeNull().Message.ShouldContain("SOCKS5 connection to 10.1.2.3. (2)"); // RFC 1928: not allowed by the rules
    }

    [ProgramFact("curl")]
    public async Task Curl_reads_to_the_end_what_an_HTTP_1_0_server_on_IPv6_sends_before_it_closes()
    {
        var body = RandomNumberGenerator.GetBytes(5_000_000);
        using var folder = new TemporaryFolder();
        using var server = new TcpListener(IPAddress.IPv6Loopback, 0);
        server.Start();
        var target = (IPEndPoint)server.LocalEndpoint;
        var serving = ServeAndCloseAsync(server, body, times: 2);
        await using var gateway = await RealGateway.StartAsync(target.ToString());
        await using var forward = await gateway.ForwardAsync(target);
        await using var socks = new RunningForward([new SocksSpecification(new(IPAddress.Loopback, 0))], gateway.Url);
        await socks.NextReadyAsync();
        string[] common = ["--silent", "--show-error", "--fail", "--http1.0", "--noproxy", ""];

        await Programs.RunAsync(Programs.Start("curl", [.. common, "--output", folder.File("forward"), $"http://{forward.Listen}/"]));
        await Programs.RunAsync(Programs.Start("curl", [.. common, "--output", folder.File("socks"), "--socks5", socks.Listen.ToString(), $"http://{target}/"]));

        await serving.WaitAsync(Eventually.Patience);
        (await File.ReadAllBytesAsync(folder.File("forward"))).ShouldBe(body);
        (await File.ReadAllBytesAsync(folder.File("socks"))).ShouldBe(body);
    }

    [ProgramFact("sshd", "ssh", "scp", "ssh-keygen")]
    public async Task Ssh_runs_a_command_takes_its_input_and_scp_copies_there_and_back()
    {
        using var folder = new TemporaryFolder();
        var target = Programs.FreeEndPoint();
        var sshd = await StartSshdAsync(folder, target);
        try
        {
            await using var gateway = await RealGateway.StartAsync(target.ToString());
            await using var forward = await gateway.ForwardAsync(target);
            string[] common =
            [
                "-F", "none", "-i", folder.File("user"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                "-o", $"UserKnownHostsFile={folder.File("known_hosts")}", "-o", "LogLevel=ERROR",
            ];
            var host = $"{Environment.UserName}@{forward.Listen.Address}";
            var port = $"{forward.Listen.Port}";

            (await Programs.RunAsync(Programs.Start("ssh", [.. common, "-p", port, host, "echo through the tube"]))).Trim().ShouldBe("through the tube");

            var content = RandomNumberGenerator.GetBytes(20_000_000);
            await File.WriteAllBytesAsync(folder.File("sent"), content);
            await Programs.RunAsync(Programs.Start("scp", [.. common, "-P", port, folder.File("sent"), $"{host}:{folder.File("there")}"]));
            await Programs.RunAsync(Programs.Start("scp", [.. common, "-P", port, $"{host}:{folder.File("there")}", folder.File("back")]));
            SHA256.HashData(await File.ReadAllBytesAsync(folder.File("back"))).ShouldBe(SHA256.HashData(content));
            await Programs.RunAsync(Programs.Start("sh", ["-c", "exec \"$@\" < $0/sent > $0/echoed", folder.Path, "ssh", .. common, "-p", port, host, "cat"]));
            SHA256.HashData(await File.ReadAllBytesAsync(folder.File("echoed"))).ShouldBe(SHA256.HashData(content));
        }
        finally
        {
            await Programs.EndAsync(sshd);
        }
    }

    [ProgramFact("sshd", "ssh", "ssh-keygen")]
    public async Task Ssh_reaches_its_host_through_a_ProxyCommand()
    {
        using var folder = new TemporaryFolder();
        var target = Programs.FreeEndPoint();
        var sshd = await StartSshdAsync(folder, target);
        try
        {
            await using var gateway = await RealGateway.StartAsync(target.ToString());
            var proxy = $"dotnet '{typeof(ForwardCommand).Assembly.Location}' forward --stdio %h:%p --gateway {gateway.Url}";
            string[] common =
            [
                "-F", "none", "-i", folder.File("user"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", $"ProxyCommand={proxy}",
                "-o", $"UserKnownHostsFile={folder.File("known_hosts")}", "-o", "LogLevel=ERROR", "-p", $"{target.Port}",
            ];

            var output = await Programs.RunAsync(Programs.Start("ssh", [.. common, $"{Environment.UserName}@{target.Address}", "head -c 5000000 /dev/zero | tr '\\0' x; echo done"]));

            output.Length.ShouldBe(5_000_000 + "done\n".Length);
            output.ShouldEndWith("xdone\n");
            await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes"); // ssh hangs up on its ProxyCommand
        }
        finally
        {
            await Programs.EndAsync(sshd);
        }
    }

    [ProgramFact("initdb", "postgres", "pgbench", "psql", "setpriv")]
    public async Task Psql_reads_a_table_and_pgbench_runs_100_clients_at_once_without_a_failure()
    {
        const int clients = 100;
        const int transactions = 10;
        using var folder = new TemporaryFolder();
        await folder.GiveAwayAsync();
        var target = Programs.FreeEndPoint();
        await Programs.RunAsync(Programs.StartUnprivileged("initdb", "--pgdata", folder.File("data"), "--username", "tester", "--auth", "trust", "--no-sync", "--no-instructions"));
        var postgres = Programs.StartUnprivileged("postgres", "-D", folder.File("data"), "-h", $"{target.Address}", "-p", $"{target.Port}", "-k", folder.Path, "-c", "max_connections=120", "-c", "fsync=off", "-c", "lc_messages=C");
        try
        {
            await Programs.WaitForLineAsync(postgres, "ready to accept connections");
            await using var gateway = await RealGateway.StartAsync(target.ToString());
            await using var forward = await gateway.ForwardAsync(target);
            string[] server = ["--host", $"{forward.Listen.Address}", "--port", $"{forward.Listen.Port}", "--username", "tester"];

            await Programs.RunAsync(Programs.Start("pgbench", [.. server, "--initialize", "--quiet", "postgres"]));
            var report = await Programs.RunAsync(Programs.Start("pgbench", [.. server, "--client", $"{clients}", "--transactions", $"{transactions}", "--select-only", "--no-vacuum", "postgres"]));

            report.ShouldContain($"number of transactions actually processed: {clients * transactions}/{clients * transactions}");
            var rows = await Programs.RunAsync(Programs.Start("psql", [.. server, "--no-psqlrc", "--command", "COPY (SELECT aid FROM pgbench_accounts ORDER BY aid) TO STDOUT", "postgres"]));
            rows.ShouldBe(string.Concat(Enumerable.Range(1, 100_000).Select(aid => $"{aid}\n")));
            await Eventually.BecomesAsync(0, () => TcpSockets.CountOf(forward.Listen.Port), "connections of the clients");
        }
        finally
        {
            await Programs.EndAsync(postgres);
        }
    }

    [ProgramFact("redis-server", "redis-cli")]
    public async Task Redis_cli_stores_and_reads_back_a_large_value()
    {
        using var folder = new TemporaryFolder();
        var target = Programs.FreeEndPoint();
        var redis = Programs.Start("redis-server", "--bind", $"{target.Address}", "--port", $"{target.Port}", "--dir", folder.Path, "--save", "");
        try
        {
            await Programs.WaitForOutputAsync(redis, "Ready to accept connections");
            await using var gateway = await RealGateway.StartAsync(target.ToString());
            await using var forward = await gateway.ForwardAsync(target);
            string[] server = ["-h", $"{forward.Listen.Address}", "-p", $"{forward.Listen.Port}"];
            var value = Convert.ToHexString(RandomNumberGenerator.GetBytes(2_000_000));
            await File.WriteAllTextAsync(folder.File("value"), value);

            (await Programs.RunAsync(Programs.Start("sh", ["-c", "exec \"$@\" < $0", folder.File("value"), "redis-cli", .. server, "-x", "SET", "key"]))).Trim().ShouldBe("OK");
            (await Programs.RunAsync(Programs.Start("redis-cli", [.. server, "GET", "key"]))).Trim().ShouldBe(value);
        }
        finally
        {
            await Programs.EndAsync(redis);
        }
    }

    private static async Task ServeAndCloseAsync(TcpListener server, byte[] body, int times)
    {
        for (; times > 0; times--)
        {
            using var client = await server.AcceptTcpClientAsync();
            await using var stream = client.GetStream();
            using var request = new StreamReader(stream, leaveOpen: true);
            while (await request.ReadLineAsync() is { Length: > 0 })
                continue;
            await stream.WriteAsync("HTTP/1.0 200 OK\r\n\r\n"u8.ToArray()); // its end is the connection's
            await stream.WriteAsync(body);
        }
    }

    private static async Task<System.Diagnostics.Process> StartSshdAsync(TemporaryFolder folder, IPEndPoint listen)
    {
        await Programs.RunAsync(Programs.Start("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.File("host")));
        await Programs.RunAsync(Programs.Start("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.File("user")));
        await File.WriteAllTextAsync(folder.File("sshd_config"), $"""
            ListenAddress {listen}
            HostKey {folder.File("host")}
            AuthorizedKeysFile {folder.File("user.pub")}
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            PasswordAuthentication no
            Subsystem sftp internal-sftp
            """);
        // Run as root, sshd wants this folder, which a service would have made.
        if (Environment.IsPrivilegedProcess)
            Directory.CreateDirectory("/run/sshd");
        var sshd = Programs.Start("sshd", "-D", "-e", "-f", folder.File("sshd_config"));
        await Programs.WaitForLineAsync(sshd, "Server listening");
        return sshd;
    }
}
