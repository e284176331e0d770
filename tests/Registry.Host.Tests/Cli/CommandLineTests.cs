using System.Net;
using System.Net.Sockets;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Security;
using Registry.Messages;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

public sealed class CommandLineTests
{
    [Fact]
    public async Task What_a_gateway_says_does_not_act_on_the_terminal()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Reply = new Refused(RefusalCode.InvalidRequest, "\e]0;title\aover\e[2J\r\nthe\u009b1A \u202Egateway");

        var (code, output, error) = await RunAsync("drain", "--gateway", gateway.Url.ToString());
        code.ShouldBe(4);
        error.ShouldContain("]0;titleover[2J the1A gateway");
        (_, _, var forward) = await RunAsync("forward", "-L", "0:127.0.0.1:9", "--gateway", gateway.Url.ToString());
        forward.ShouldContain("]0;titleover[2J the1A gateway");

        foreach (var said in new[] { output, error, forward })
            said.Replace(Environment.NewLine, "", StringComparison.Ordinal).ShouldAllBe(c => !char.IsControl(c) && c != '\u202E');
    }

    [Theory]
    [InlineData(new[] { "fly" }, "fly")]
    [InlineData(new[] { "forwrad" }, "registry: 'forwrad' is no verb; the nearest is forward. See 'registry --help'.\n")]
    [InlineData(new[] { "tub" }, "the nearest is tubes")]
    [InlineData(new[] { "tubes" }, "tubes takes one of ls, show, close.")]
    [InlineData(new[] { "tubes", "lss" }, "the nearest is ls")]
    [InlineData(new[] { "help", "forwrad" }, "registry: 'forwrad' is no verb; the nearest is forward. See 'registry --help'.\n")]
    [InlineData(new[] { "tubes", "help" }, "registry: 'help' is no verb; the nearest is --help. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "nodes", "-help" }, "registry: '-help' is no option; the nearest is --help. See 'registry nodes --help'.\n")]
    [InlineData(new[] { "-v" }, "--version says the version")]
    [InlineData(new[] { "version" }, "--version says it")]
    [InlineData(new[] { "status" }, "'registry capacity' tells it of one gateway, 'registry nodes' of all")]
    [InlineData(new[] { "get", "tubes" }, "registry: 'get' is no verb; 'registry tubes ls' lists tubes, 'registry nodes' gateways. See 'registry --help'.\n")]
    [InlineData(new[] { "forward", "-D", "1080" }, "registry: '-D' is no option; 'registry socks -D' serves SOCKS5. See 'registry forward --help'.\n")]
    [InlineData(new[] { "tubes", "--json", "ls" }, "registry: '--json' is an option of ls: put it behind that word. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "tubes", "--gateway", "http://127.0.0.1" }, "registry: '--gateway' belongs behind one of ls, show, close. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "keys", "--role", "viewer" }, "registry: '--role' belongs behind the verb new. See 'registry keys --help'.\n")]
    [InlineData(new[] { "--gateway", "http://127.0.0.1" }, "registry: '--gateway' belongs behind a verb, such as forward. See 'registry --help'.\n")]
    [InlineData(new[] { "--stdio", "h:80" }, "registry: '--stdio' belongs behind the verb forward. See 'registry --help'.\n")]
    [InlineData(new[] { "tubes", "--all" }, "registry: '--all' belongs behind the verb close. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "tubes", "--warp" }, "registry: '--warp' is no option. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "check-config", "gateway.conf" }, "registry: 'gateway.conf' is one word too many: check-config takes options only; a file of settings goes behind --config. See 'registry check-config --help'.\n")]
    [InlineData(new[] { "serve", "gateway.conf" }, "serve takes options only; a file of settings goes behind --config.")]
    [InlineData(new[] { "forward", "15432:127.0.0.1:5432" }, "registry: '15432:127.0.0.1:5432' is one word too many: forward takes options only; port:host:hostport goes behind -L. See 'registry forward --help'.\n")]
    [InlineData(new[] { "socks", "1080" }, "socks takes options only; a port goes behind -D.")]
    [InlineData(new[] { "serve", "--port", "18444" }, "'--port' is no option; --http takes the address and the port, such as --http http://127.0.0.1:8080.")]
    [InlineData(new[] { "--port=18444" }, "'--port' is no option; --http takes the address and the port, such as --http http://127.0.0.1:8080.")]
    [InlineData(new[] { "forward", "-l", "15432:127.0.0.1:5432" }, "'-l' is no option; it is called -L.")]
    [InlineData(new[] { "drain", "--node", "node-2" }, "'--node' is no option; --gateway takes the URL of the node to drain.")]
    [InlineData(new[] { "audit" }, "'audit' is no verb; GET /v1/audit of the gateway tells it: docs/audit.md.")]
    [InlineData(new[] { "tubes", "show" }, "registry: tubes show needs <tube>. See 'registry tubes show --help'.\n")]
    [InlineData(new[] { "tubes", "show", "a", "b" }, "registry: 'b' is one word too many: tubes show takes one <tube>. See 'registry tubes show --help'.\n")]
    [InlineData(new[] { "tubes", "close", "--al" }, "registry: '--al' is no option; the nearest is --all. See 'registry tubes close --help'.\n")]
    [InlineData(new[] { "tubes", "ls", "tubes" }, "registry: 'tubes' is one word too many: tubes ls takes options only. See 'registry tubes ls --help'.\n")]
    [InlineData(new[] { "tubes", "tubes", "ls" }, "registry: 'tubes' is no verb; there are ls, show, close. See 'registry tubes --help'.\n")]
    [InlineData(new[] { "--", "tubes", "ls" }, "registry: 'tubes' is behind '--', where no word is a verb. See 'registry --help'.\n")]
    [InlineData(new[] { "serve", "registry.auth.secret=hunter2" }, "registry: 'registry.auth.secret=…' is one word too many: serve takes options only. See 'registry serve --help'.\n")]
    [InlineData(new[] { "nodes", "ls" }, "registry: 'ls' is one word too many: nodes takes options only. See 'registry nodes --help'.\n")]
    [InlineData(new[] { "keys", "new" }, "registry: keys new needs --role ROLE, --key-file FILE and <ID>. See 'registry keys new --help'.\n")]
    [InlineData(new[] { "keys", "create" }, "registry: 'create' is no verb; there is new. See 'registry keys --help'.\n")]
    [InlineData(new[] { "keys", "revoke", "laptop" }, "registry: 'revoke' is no verb; delete its line in the file of registry.auth.keys, then 'registry reload'; tubes it made stay: 'registry tubes close --owner NAME'. See 'registry keys --help'.\n")]
    [InlineData(new[] { "keys", "ls" }, "the file of registry.auth.keys has them, a line each")]
    [InlineData(new[] { "keys", "new", "x", "--role", "admin" }, "registry: --role 'admin' is no role; there are viewer, creator, operator.\nregistry: keys new needs --key-file FILE. See 'registry keys new --help'.\n")]
    [InlineData(new[] { "completion", "tcsh" }, "registry: 'tcsh' is no verb; there is none for it, only for bash, zsh, fish and pwsh. See 'registry completion --help'.\n")]
    [InlineData(new[] { "completion", "nush" }, "registry: 'nush' is no verb; there are bash, zsh, fish, pwsh. See 'registry completion --help'.\n")]
    [InlineData(new[] { "completion", "bas" }, "the nearest is bash")]
    [InlineData(new[] { "drain", "--deadline" }, "registry: --deadline needs a value: --deadline TIME. See 'registry drain --help'.\n")]
    [InlineData(new[] { "drain", "--deadline", "1s", "--deadline", "2s" }, "--deadline is there 2 times, and takes one value.")]
    [InlineData(new[] { "drain", "--wait=maybe" }, "registry: --wait takes no value, such as 'maybe'. See 'registry drain --help'.\n")]
    [InlineData(new[] { "capacity", "limits", "--max-tubes", "x" }, "registry: --max-tubes 'x' must be a whole number, at most 2147483647. See 'registry capacity limits --help'.\n")]
    [InlineData(new[] { "capacity", "limits", "--max-tubes", "0" }, "--max-tubes '0' must be at least 1.")]
    [InlineData(new[] { "bench", "tput", "--congestion-control", "x" }, "must be one of Bbr, Cubic.")]
    [InlineData(new[] { "@file" }, "'@file' is no verb.")]
    [InlineData(new[] { "serve", "--prot", "1" }, "registry: '--prot' is no option. See 'registry serve --help'.\n")]
    [InlineData(new[] { "drain", "--wat" }, "'--wat' is no option; the nearest is --wait.")]
    [InlineData(new[] { "tubes", "ls", "--state", "closed", "--target", "h" }, "--target")]
    [InlineData(new[] { "serve", "--udp-port", "70000" }, "registry: --udp-port '70000' must be a whole number from 0 to 65535. See 'registry serve --help'.\n")]
    [InlineData(new[] { "forward" }, "-L")]
    [InlineData(new[] { "forward", "-L", "80:h:80", "--gateway", "ftp://x" }, "--gateway")]
    [InlineData(new[] { "forward", "-L", "80:h:80", "--gateway", "http://127.0.0.1", "--gateway", "ftp://x" }, "ftp://x")]
    [InlineData(new[] { "forward", "-L", "nonsense" }, "-L")]
    [InlineData(new[] { "forward", "-L", "80:h:80", "-L" }, "registry: -L needs a value each time: -L [bind:]port:host:hostport. See 'registry forward --help'.\n")]
    [InlineData(new[] { "forward", "-L", "a", "-L", "--gateway", "http://127.0.0.1" }, "registry: -L needs a value, and '--gateway' is the next option: -L [bind:]port:host:hostport. See 'registry forward --help'.\n")]
    [InlineData(new[] { "forward", "-R", "-L", "80:h:80" }, "registry: -R needs a value, and '-L' is the next option: -R [bind:]port:host:hostport. See 'registry forward --help'.\n")]
    [InlineData(new[] { "--config", "--dev" }, "registry: --config needs a value, and '--dev' is the next option: --config FILE.conf. See 'registry --help'.\n")]
    [InlineData(new[] { "forward", "-L", "80:h:80", "--stdio", "h:80" }, "--stdio")]
    [InlineData(new[] { "forward", "-R", "nonsense" }, "-R 'nonsense'")]
    [InlineData(new[] { "forward", "-L", "18500:h:80", "-L", "18500:h:81" }, "registry: -L gives port 18500 twice: give each a port of its own, or 0 for any free one.\n")]
    [InlineData(new[] { "forward", "-L", "18500:h:80", "-L", "0.0.0.0:18500:h:81" }, "registry: -L gives port 18500 twice")]
    [InlineData(new[] { "forward", "-R", "80:h:80", "--stdio", "h:80" }, "--stdio")]
    [InlineData(new[] { "forward", "--stdio", "h" }, "--stdio 'h'")]
    [InlineData(new[] { "forward", "--stdio", "::1:22" }, "--stdio '::1:22'")]
    [InlineData(new[] { "forward", "--stdio", "h:0" }, "--stdio 'h:0'")]
    [InlineData(new[] { "socks" }, "registry: socks needs -D [bind:]port. See 'registry socks --help'.\n")]
    [InlineData(new[] { "socks", "-D", "here" }, "-D 'here'")]
    [InlineData(new[] { "socks", "-D", "::1:1080" }, "-D '::1:1080'")]
    [InlineData(new[] { "socks", "-D", "127.0.0.1:65536" }, "-D")]
    [InlineData(new[] { "selftest", "--mb", "0" }, "registry: --mb '0' must be a whole number from 1 to 100000. See 'registry selftest --help'.\n")]
    [InlineData(new[] { "selftest", "--mb", "999999999999" }, "registry: --mb '999999999999' must be a whole number from 1 to 100000. See 'registry selftest --help'.\n")]
    [InlineData(new[] { "bench", "dance" }, "dance")]
    [InlineData(new[] { "bench", "tput", "--relay", "1" }, "--relay")]
    [InlineData(new[] { "check-config", "--set", "registry.admission.max-tubs=1" }, "registry.admission.max-tubs")]
    [InlineData(new[] { "check-config", "--set", "registry.admission.max-tubes=0" }, "registry.admission.max-tubes")]
    [InlineData(new[] { "serve", "--log-format", "xml" }, "--log-format")]
    [InlineData(new[] { "serve", "--log-level", "loud" }, "--log-level")]
    [InlineData(new[] { "check-config", "--set", "registry.telemetry.log.levels=[\"Microsoft\"]" }, "registry.telemetry.log.levels")]
    [InlineData(new[] { "serve", "--cluster", "here" }, "--cluster 'here'")]
    [InlineData(new[] { "serve", "--cluster", "127.0.0.1:0", "--seed", "127.0.0.1:0" }, "--seed '127.0.0.1:0'")]
    [InlineData(new[] { "serve", "--seed", "127.0.0.1:4053" }, "--cluster HOST:PORT")]
    [InlineData(new[] { "serve", "--cluster", "0.0.0.0:4053" }, "registry.cluster.public-hostname")]
    [InlineData(new[] { "serve", "--cluster", "127.0.0.1:0", "--set", "registry.cluster.tls.ca-file=/does/not/exist.pem" }, "registry.cluster.tls.certificate-file")]
    [InlineData(new[] { "check-config", "--set", "registry.cluster.prot=1" }, "registry.cluster.prot")]
    [InlineData(new[] { "check-config", "--set", "registry.cluster.port=70000" }, "registry.cluster.port")]
    [InlineData(new[] { "check-config", "--set", "registry.cluster.discovery.method=magic" }, "registry.cluster.discovery.method")]
    [InlineData(new[] { "check-config", "--set", "registry.cluster.enabled=on", "--set", "registry.cluster.seed-nodes=[nowhere]" }, "registry.cluster.seed-nodes")]
    [InlineData(new[] { "serve", "--http", "https://0.0.0.0:80443/" }, "registry: --http 'https://0.0.0.0:80443/' must have a port from 0 to 65535.\n")]
    [InlineData(new[] { "keys", "new", "x_y", "--role", "viewer", "--key-file", "/does/not/exist" }, "registry: keys new: the id 'x_y' must be 1 to 64 of the characters A-Z, a-z, 0-9, '-' and '.'.\n")]
    [InlineData(new[] { "check-config", "--seed", "127.0.0.1:4053" }, "--cluster HOST:PORT")]
    [InlineData(new[] { "check-config", "--set", "oops" }, "--set 'oops'")]
    [InlineData(new[] { "check-config", "--config", "/does/not/exist.conf" }, "/does/not/exist.conf")]
    public async Task Wrong_arguments_end_with_2_and_are_named(string[] arguments, string named)
    {
        var (code, output, error) = await RunAsync(arguments);
        code.ShouldBe((int)ExitCode.Usage, error);
        if (named.EndsWith('\n'))
            error.ReplaceLineEndings("\n").ShouldBe(named, "and nothing else");
        else
            error.ShouldContain(named);
        ShouldBePlain(error);
        output.ShouldBe("");
    }

    [Theory]
    [InlineData("help")]
    [InlineData("help", "tubes", "close")]
    public async Task Help_is_also_had_as_a_verb(params string[] arguments) =>
        (await RunAsync(arguments)).ShouldBe(await RunAsync([.. arguments[1..], "--help"]));

    [Fact]
    public async Task Tubes_that_have_ended_are_listed_with_when_and_why_the_newest_first()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var began = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        foreach (var (id, lived) in new[] { ("t1", 61), ("t2", 3700), ("t3", 2) })
            gateway.Registry.Tubes[new(id)] = new(new(id), "n", Registry.Messages.TubeState.Closed)
            {
                CloseReason = Registry.Messages.CloseReason.AdminClosed, CloseText = $"Somebody closed {id}.", ClosedBy = "desk",
                History = [new(Registry.Messages.TubeState.New, began), new(Registry.Messages.TubeState.Closed, began.AddSeconds(lived))],
            };

        var (_, list, _) = await RunAsync("tubes", "ls", "--state", "closed", "--gateway", gateway.Url.ToString());

        var lines = list.Split(Environment.NewLine);
        lines[0].ShouldMatch("^TUBE +NODE +ENDED +LIVED +PATH +OWNER +REASON +BY +TEXT");
        lines[1].ShouldMatch(@"^t2 +n +2026-01-02T04:05:45Z +1h01m +- +- +AdminClosed +desk +Somebody closed t2\.");
        lines[1..4].Select(line => line[..2]).ShouldBe(["t2", "t1", "t3"]);
    }

    [Theory]
    [InlineData("http://0.0.0.0:8080")]
    [InlineData("http://192.0.2.1:80")]
    [InlineData("http://[::]:8080")]
    public async Task Serve_refuses_addresses_that_are_not_loopback_and_says_why(string url)
    {
        var (code, _, error) = await RunAsync("serve", "--http", url);
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain(new Uri(url).Authority);
        error.ShouldContain("without authentication");
        error.ShouldContain("--insecure");
    }

    [Fact]
    public async Task Serve_refuses_keys_in_the_clear_beyond_loopback_and_https_without_a_certificate()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("keys"), ApiKeys.Create("ops", ["operator"], null).Line);
        var keys = $"registry.auth.keys=\"{folder.File("keys")}\"";

        var (code, _, error) = await RunAsync("serve", "--http", "http://192.0.2.1:80", "--set", keys);
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain("without TLS");
        (code, _, error) = await RunAsync("serve", "--http", "https://192.0.2.1:80", "--set", keys);
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain("registry.http.tls.certificate");
    }

    [Fact]
    public async Task Keys_new_writes_a_key_that_only_its_owner_can_read_and_prints_the_line_for_the_gateway()
    {
        using var folder = new TemporaryFolder();
        var (code, output, error) = await RunAsync("keys", "new", "laptop", "--role", "creator", "--role", "viewer", "--owner", "alice", "--key-file", folder.File("laptop.key"));
        code.ShouldBe((int)ExitCode.Ok, error);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(folder.File("laptop.key")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllTextAsync(folder.File("keys"), output);
        var key = (await File.ReadAllTextAsync(folder.File("laptop.key"))).Trim();
        output.ShouldNotContain(key[^20..]);
        new ApiKeys(folder.File("keys")).Authenticate(key).ShouldNotBeNull().FindFirst("owner")!.Value.ShouldBe("alice");

        (code, _, error) = await RunAsync("keys", "new", "laptop", "--role", "creator", "--owner", "alice", "--key-file", folder.File("laptop.key"));
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain("exists");
        (code, _, error) = await RunAsync("keys", "new", "other", "--role", "creator", "--key-file", folder.File("other.key"));
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain("a creator needs an owner");
        File.Exists(folder.File("other.key")).ShouldBeFalse();
    }

    [Theory]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:8080/path")]
    [InlineData("http://gateway.example:8080")]
    public async Task Serve_refuses_what_is_not_a_plain_http_address(string url)
    {
        var (code, _, error) = await RunAsync("--http", url);
        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain($"--http '{url}'");
    }

    [Fact]
    public async Task Serve_on_a_port_in_use_names_option_and_address()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var address = $"http://{gateway.Url.Authority}";
        var (code, _, error) = await RunAsync("serve", "--http", address);
        code.ShouldBe((int)ExitCode.AddressUnavailable, error);
        error.ShouldContain($"--http {address} cannot be bound");
        error.ShouldContain("A gateway runs there: stop it first.");
        ShouldBePlain(error);
        gateway.Registry.Capacity = new() { IsDraining = true };
        (await RunAsync("serve", "--http", address)).Error.ShouldContain("A gateway that goes out of service still runs there");
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var serving = RunAsync("serve", "--http", $"http://{other.LocalEndpoint}");
        using (await other.AcceptTcpClientAsync().WaitAsync(EndToEnd.Eventually.Patience)) { }
        (await serving).Error.ShouldContain("Another program listens there");
    }

    [Fact]
    public async Task Serve_with_https_on_a_port_in_use_is_told_another_https_address()
    {
        using var folder = new TemporaryFolder();
        await TlsTests.WriteAsync(folder);
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();

        var serving = RunAsync("serve", "--http", $"https://{other.LocalEndpoint}", "--set", $"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}");
        using (await other.AcceptTcpClientAsync().WaitAsync(EndToEnd.Eventually.Patience)) { }

        (await serving).Error.ShouldEndWith($"another address or port, for example --http https://127.0.0.1:0.{Environment.NewLine}");
    }

    [Fact]
    public async Task Serve_on_an_address_of_another_machine_says_that_this_one_has_it_not()
    {
        var (code, _, error) = await RunAsync("serve", "--insecure", "--http", "http://192.0.2.1:18445");

        code.ShouldBe((int)ExitCode.AddressUnavailable, error);
        error.ShouldBe($"registry: --http http://192.0.2.1:18445 cannot be bound: 192.0.2.1 is no address of this machine. Name one that is, or 0.0.0.0 or [::] for all of them.{Environment.NewLine}");
    }

    [Fact]
    public async Task Who_has_the_port_in_use_may_answer_in_any_form()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var serving = RunAsync("serve", "--http", $"http://{other.LocalEndpoint}");
        using var asked = await other.AcceptTcpClientAsync().WaitAsync(EndToEnd.Eventually.Patience);
        (await asked.GetStream().ReadAsync(new byte[4096])).ShouldBeGreaterThan(0);
        await asked.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=none\r\nContent-Length: 5\r\n\r\nready"u8.ToArray());
        (await serving).Error.ShouldContain("Another program listens there");
    }

    [Fact]
    public async Task Serve_on_a_TCP_port_for_tubes_in_use_names_setting_and_why()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (code, output, error) = await RunAsync("serve", "--http", "http://127.0.0.1:0", "--set", $"registry.webrtc.tcp-port={port}");
        code.ShouldBe((int)ExitCode.AddressUnavailable, error);
        error.ShouldContain($"registry.webrtc.tcp-port = {port}");
        error.ShouldContain("in use");
        ShouldBePlain(error);
        output.ShouldBe("");
    }

    [Fact]
    public async Task Serve_on_a_cluster_port_in_use_names_option_and_why()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        // A port that two processes may share if both want to.
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        var (code, output, error) = await RunAsync("serve", "--http", "http://127.0.0.1:0", "--cluster", listener.LocalEndpoint.ToString()!);
        code.ShouldBe((int)ExitCode.AddressUnavailable, error);
        error.ShouldContain("--cluster");
        error.ShouldContain("in use");
        ShouldBePlain(error);
        output.ShouldBe("");
    }

    [Theory]
    [InlineData("capacity")]
    [InlineData("tubes", "ls")]
    [InlineData("forward", "-L", "0:127.0.0.1:80")]
    [InlineData("forward", "-L", "0:127.0.0.1:80", "-L", "0:127.0.0.1:81")]
    public async Task A_gateway_that_is_not_there_ends_with_3_and_is_named(params string[] verb)
    {
        var (code, _, error) = await RunAsync([.. verb, "--gateway", $"http://127.0.0.1:{FreePort()}"]);
        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
        error.Split("http://127.0.0.1:").Length.ShouldBe(2, "the address is said once");
        error.ShouldContain("or give --gateway the address of one that runs.");
        error.ShouldContain("registry serve");
        error.Contains("forward waits for a gateway only once it has had a tube", StringComparison.Ordinal).ShouldBe(verb[0] == "forward");
        ShouldBePlain(error);
    }

    [Fact]
    public async Task The_same_port_of_another_address_is_another_port()
    {
        var port = FreePort();

        var (code, _, error) = await RunAsync("forward", "-L", $"127.0.0.1:{port}:h:80", "-L", $"127.0.0.2:{port}:h:81", "--gateway", $"http://127.0.0.1:{FreePort()}");

        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
    }

    [Fact]
    public async Task A_gateway_whose_name_leads_nowhere_is_not_to_be_started_but_to_be_named_right()
    {
        // RFC 6761 §6.4: there is no such name.
        var (code, _, error) = await RunAsync("capacity", "--gateway", "https://gateway.invalid:18443");

        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
        error.ShouldStartWith("registry: No gateway answers at https://gateway.invalid:18443/: ");
        error.ShouldEndWith($" Check the name: gateway.invalid must be in DNS or in this machine's /etc/hosts.{Environment.NewLine}");
    }

    [Theory]
    [InlineData("/does/not/exist", "cannot be read: ")]
    [InlineData("/dev/null", "must hold one key or token and nothing else.")]
    public async Task A_key_s_file_is_named_with_what_names_it(string file, string expected)
    {
        (await RunAsync("tubes", "ls", "--key-file", file)).Error.ShouldStartWith($"registry: --key-file {file} {expected}");

        // The environment is the whole process's.
        using var command = Programs.Start("env", $"REGISTRY_KEY_FILE={file}", "dotnet", typeof(Gateway).Assembly.Location, "tubes", "ls");
        (await command.StandardError.ReadToEndAsync().WaitAsync(EndToEnd.Eventually.Patience)).ShouldStartWith($"registry: REGISTRY_KEY_FILE {file} {expected}");
        await command.WaitForExitAsync().WaitAsync(EndToEnd.Eventually.Patience);
        command.ExitCode.ShouldBe((int)ExitCode.Usage);
    }

    [Theory]
    [InlineData("nodes")]
    [InlineData("diag")]
    [InlineData("forward", "-L", "0:127.0.0.1:80")]
    [InlineData("socks", "-D", "0")]
    public async Task A_password_in_the_gateways_address_is_refused_and_not_repeated(params string[] verb)
    {
        var address = $"user:hunter2@127.0.0.1:{FreePort()}";
        foreach (var scheme in new[] { "http://", "https://", "ftp://", "" })
        {
            var (code, output, error) = await RunAsync([.. verb, "--gateway", scheme + address]);
            code.ShouldBe((int)ExitCode.Usage, error);
            error.ShouldContain("--key-file FILE");
            (output + error).ShouldNotContain("hunter2");
        }
    }

    [Fact]
    public async Task Tubes_and_capacity_print_bare_json()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        foreach (var number in Enumerable.Range(1, 3))
            gateway.Registry.Tubes[new($"t{number}")] = new(new($"t{number}"), "n", Registry.Messages.TubeState.Ready);

        var (code, list, _) = await RunAsync("tubes", "ls", "--json", "--gateway", gateway.Url.ToString());
        code.ShouldBe(0);
        System.Text.Json.JsonDocument.Parse(list).RootElement.GetArrayLength().ShouldBe(3);

        var (_, tube, _) = await RunAsync("tubes", "show", "t2", "--json", "--gateway", gateway.Url.ToString());
        System.Text.Json.JsonDocument.Parse(tube).RootElement.GetProperty("tubeId").GetString().ShouldBe("t2");

        var (_, capacity, _) = await RunAsync("capacity", "--json", "--gateway", gateway.Url.ToString());
        System.Text.Json.JsonDocument.Parse(capacity).RootElement.GetProperty("maxTubes").GetInt32().ShouldBe(10);
        var (_, lines, _) = await RunAsync("capacity", "--gateway", gateway.Url.ToString());
        lines.ShouldMatch(@"tubes +\d+ of 10\b");
        lines.ShouldNotMatch("[a-z][A-Z]|True|False"); // names and values of programs
        lines.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(16);
        gateway.Registry.Capacity = new() { IsDraining = true, DrainUntil = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), DrainDeadlineMs = 300_000 };
        (_, lines, _) = await RunAsync("capacity", "--gateway", gateway.Url.ToString());
        lines.ShouldMatch(@"goes out of service +yes, and closes what is left at 2026-01-02T03:04:05Z");
        lines.ShouldMatch(@"time of tubes in a drain +5m00s unless it says otherwise");
    }

    [Fact]
    public async Task Tubes_are_shown_and_closed_for_people()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[new("t1")] = new(new("t1"), "n", Registry.Messages.TubeState.Ready) { Owner = "anna" };
        gateway.Registry.Tubes[new("t2")] = new(new("t2"), "n", Registry.Messages.TubeState.Ready) { Conversations = [new(new("c"), "tunnel", true) { LocalListenAddress = "127.0.0.1:18081" }] };
        foreach (var id in new[] { "0123456789", "012345678a" })
            gateway.Registry.Tubes[new(id)] = new(new(id), "n", Registry.Messages.TubeState.Ready);
        var (_, list, _) = await RunAsync("tubes", "ls", "--gateway", gateway.Url.ToString());
        list.ShouldContain("OWNER");
        list.ShouldMatch(@"AGE +OWNER");
        list.ShouldContain("anna");
        list.ShouldContain("t2");
        list.ShouldContain("tunnel from 127.0.0.1:18081 (c)");
        (await RunAsync("tubes", "show", "t2", "--gateway", gateway.Url.ToString())).Output.Split("127.0.0.1:18081").Length.ShouldBe(2, "where it listens is said once");
        (await RunAsync("tubes", "ls", "--owner", "anna", "--gateway", gateway.Url.ToString())).Output.ShouldNotContain("t2");
        (await RunAsync("tubes", "show", "t1", "--gateway", gateway.Url.ToString())).Output.ShouldContain("ready");
        (await RunAsync("tubes", "show", "012345678a", "--gateway", gateway.Url.ToString())).Code.ShouldBe(0);
        var (code, _, error) = await RunAsync("tubes", "close", "012345678", "--gateway", gateway.Url.ToString());
        code.ShouldBe((int)ExitCode.Usage, error);
        error.ShouldContain("012345678a");
        gateway.Registry.Tubes.Remove(new("0123456789"), out _);
        (await RunAsync("tubes", "show", "01234567", "--gateway", gateway.Url.ToString())).Output.ShouldContain("012345678a");
        (await RunAsync("tubes", "close", "t1", "--reason", "Client", "--gateway", gateway.Url.ToString())).Code.ShouldBe(0);
        gateway.Registry.Commands.ShouldHaveSingleItem().ShouldBe(new Registry.Messages.CloseTube(new("t1"), Registry.Messages.CloseReason.Client));
    }

    [Fact]
    public async Task A_refusal_of_the_gateway_ends_with_4_and_its_text()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Reply = new Refused(RefusalCode.NodeUnreachable, "The node does not answer.");
        var (code, _, error) = await RunAsync("drain", "--gateway", gateway.Url.ToString());
        code.ShouldBe((int)ExitCode.Refused);
        error.ShouldContain("The node does not answer. (node_unreachable)");
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("0123")] // of an id that there is
    [InlineData("01234568")]
    [InlineData("3c8b0d9e-5a3f-4d6c-9a51-2f0f3f0a7c11")]
    [InlineData("a/b")] // which no id can be
    public async Task A_tube_that_there_is_not_ends_with_4_and_one_text(string id)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[new("0123456789")] = new(new("0123456789"), "n", Registry.Messages.TubeState.Ready);
        var (code, _, error) = await RunAsync("tubes", "show", id, "--gateway", gateway.Url.ToString());
        error.ShouldBe($"registry: There is no tube '{id}', also none that ended lately on a node that answers. Give a whole id, or of a living tube's 8 characters or more of its beginning.{Environment.NewLine}");
        code.ShouldBe((int)ExitCode.Refused);
    }

    [Fact]
    public async Task A_good_configuration_is_said_to_be_good()
    {
        var (code, output, _) = await RunAsync("check-config", "--set", "registry.admission.max-tubes=5", "--set", "registry.targets.allow=[\"10.0.0.0/8:22\"]");
        code.ShouldBe(0);
        output.ShouldBe($"The configuration is good.{Environment.NewLine}");
        (code, output, _) = await RunAsync("check-config");
        code.ShouldBe(0);
        output.ShouldContain("No target is reachable");
    }

    [Fact]
    public async Task Help_shows_the_verbs_and_the_exit_codes()
    {
        var (code, output, _) = await RunAsync("--help");
        code.ShouldBe(0);
        foreach (var verb in new[] { "serve", "forward", "selftest", "tubes", "capacity", "drain", "check-config", "bench", "Exit codes" })
            output.ShouldContain(verb);
    }

    private static void ShouldBePlain(string error)
    {
        error.ShouldNotContain("   at ");
        error.ShouldNotContain("Exception");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
