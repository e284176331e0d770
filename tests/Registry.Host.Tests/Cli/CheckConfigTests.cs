using System.Text.Json;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Serving.Settings;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Security;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

public sealed class CheckConfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string ConfigFile => folder.File("gateway.conf");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_unknown_setting_is_named_with_file_and_line_and_the_one_that_was_meant()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            # comment { registry.x = 1
            registry {
              admission { max-tubes = 5, max-conurrent-creates = 7 }
              targets.allow = ["10.0.0.0/8:22", # } not the end
                "[fd00::/8]:443"]
              telemetry."log".levl = info
              tube { ice-restart.attemps = 3 }
            }
            registry.cluster.prot = 4053
            registry.warp = on
            """);

        var (code, output, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        output.ShouldBe("");
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(5, error);
        lines.ShouldAllBe(line => line.StartsWith($"registry: {ConfigFile}, line "));
        error.ShouldContain("line 3: registry.admission.max-conurrent-creates is not a setting; the nearest is registry.admission.max-concurrent-creates.");
        error.ShouldContain("line 6: registry.telemetry.log.levl is not a setting; the nearest is registry.telemetry.log.level.");
        error.ShouldContain("line 7: registry.tube.ice-restart.attemps is not a setting; the nearest is registry.tube.ice-restart.attempts.");
        error.ShouldContain("line 9: registry.cluster.prot is not a setting; the nearest is registry.cluster.port.");
        error.ShouldContain("line 10: registry.warp is not a setting. ");
    }

    [Theory]
    [InlineData("registry.webrtc.udp-port = 3478", "registry.webrtc.udp-port is not a setting: that is the option --udp-port of serve.")]
    [InlineData("registry.udp-port = 3478", "registry.udp-port is not a setting: that is the option --udp-port of serve.")]
    [InlineData("registry.http.port = 80", "registry.http.port is not a setting: that is the option --http of serve, such as --http http://127.0.0.1:8080.")]
    [InlineData("registry.http.listen = any", "registry.http.listen is not a setting: that is the option --http of serve, ")]
    [InlineData("registry.http { address = here }", "registry.http.address is not a setting: that is the option --http of serve, ")]
    public async Task What_is_an_option_is_no_setting_and_says_which(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, setting);

        (await RunAsync("check-config", "--config", ConfigFile)).Error.ShouldStartWith($"registry: {ConfigFile}, line 1: {expected}");
        if (!setting.Contains('{', StringComparison.Ordinal))
            (await RunAsync("check-config", "--set", setting)).Error.ShouldStartWith($"registry: --set: {expected}");
        (await RunAsync("check-config", "--json", "--config", ConfigFile)).Output.ShouldNotContain("nearest");
    }

    [Theory]
    [InlineData("regisry.auth.keys = \"keys\"", "regisry.auth.keys is not a setting; the nearest is registry.auth.keys.")]
    [InlineData("Registry.admission.max-tubes = 5", "Registry.admission.max-tubes is not a setting; the nearest is registry.admission.max-tubes.")]
    [InlineData("targets.allow = [\"db:1\"]", "targets.allow is not a setting; the nearest is registry.targets.allow.")]
    [InlineData("auth { jwt.keys = k }", "auth.jwt.keys is not a setting; the nearest is registry.auth.jwt.keys.")]
    [InlineData("keys = k", "keys is not a setting; the nearest is registry.auth.keys.")]
    [InlineData("\"registry.auth.keys\" = k", "\"registry.auth.keys\" is not a setting; the nearest is registry.auth.keys.")]
    [InlineData("foo.bar = 1", "foo.bar is not a setting: each begins with registry, or with akka where it is Akka's own.")]
    [InlineData("registy = 1", "registy is not a setting: each begins with registry, or with akka where it is Akka's own.")]
    [InlineData("registry = 5", "registry is a section, not a setting: it holds settings such as registry.")]
    [InlineData("registry.tube = 5", "registry.tube is a section, not a setting: it holds settings such as registry.tube.")]
    public async Task A_setting_that_nothing_reads_is_unknown_wherever_it_stands(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, $"akka.loglevel = DEBUG\n{setting}");

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldStartWith($"registry: {ConfigFile}, line 2: {expected}");
        error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1, error);
        // Serve says the same, also where an argument sets it.
        (await RunAsync("serve", "--http", "http://127.0.0.1:0", "--config", ConfigFile)).ShouldBe((code, "", error));
        (await RunAsync("serve", "--http", "http://127.0.0.1:0", "--set", setting.Replace("auth {", "auth ={", StringComparison.Ordinal))).Error.ShouldStartWith($"registry: --set: {expected}");
    }

    [Fact]
    public async Task The_settings_to_deploy_with_are_right_for_one_of_several_gateways_and_for_one_alone()
    {
        await TlsTests.WriteAsync(folder);
        var text = (await File.ReadAllTextAsync(Path.Combine(Programs.SourceFolder, "../../docs/deploy/gateway.conf")))
            .Replace("/etc/tube-registry/tls/node.pem", folder.File("certificate"), StringComparison.Ordinal)
            .Replace("/etc/tube-registry/tls/node.key", folder.File("key"), StringComparison.Ordinal)
            .Replace("/etc/tube-registry/tls/ca.pem", folder.File("certificate"), StringComparison.Ordinal);

        foreach (var settings in new[] { text, text[..text.IndexOf("# Only with several gateways", StringComparison.Ordinal)] })
        {
            await File.WriteAllTextAsync(ConfigFile, settings);
            var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);
            code.ShouldBe((int)ExitCode.Ok, error);
        }
    }

    [Theory]
    [InlineData("registry.admission.max-tubes = many", "registry.admission.max-tubes must be a whole number from 1")]
    [InlineData("registry.admission.max-tubes = [1, 2]", "It is a list.")]
    [InlineData("registry.tube.closing-timeout = soon", "registry.tube.closing-timeout must be a positive duration")]
    [InlineData("registry.tube.closing-timeout = 5", "registry.tube.closing-timeout must be a positive duration such as 15s, at most 366d: write a unit, such as 5s. It is '5'.")]
    [InlineData("registry.tube.idle-timeout = 2.5", "registry.tube.idle-timeout must be off, or a positive duration such as 30m, at most 366d: write a unit, such as 2.5s.")]
    [InlineData("registry.drain.stop-deadline = 0", "registry.drain.stop-deadline must be off, or a positive duration such as 30m, at most 366d. It is '0'.")]
    [InlineData("registry.cluster.discovery.interval = \"1\"", "write a unit, such as 1s")]
    [InlineData("registry.tube.idle-timeout = 1h30m", "registry.tube.idle-timeout must be off, or a positive duration such as 30m, at most 366d: one number and one of the units ms, s, m, h and d. It is '1h30m'.")]
    [InlineData("registry.tube.closing-timeout = 10 min", "at most 366d: one number and one of the units ms, s, m, h and d. It is '10 min'.")]
    [InlineData("registry.tube.max-bytes-per-second = 5 KB", "bytes: KB is no unit, write kB (powers of 1000) or KiB (powers of 1024). It is '5 KB'.")]
    [InlineData("registry.tube.max-bytes-per-second = 5mb", "bytes: mb is no unit, write MB (powers of 1000) or MiB (powers of 1024). It is '5mb'.")]
    [InlineData("registry.channels.receive-limit = 1 gib", "bytes: gib is no unit, write GB (powers of 1000) or GiB (powers of 1024). It is '1 gib'.")]
    [InlineData("registry.channels.receive-limit = 1.5 MiB", "bytes: a whole number and one of the units kB, MB, GB (powers of 1000), KiB, MiB and GiB (powers of 1024). It is '1.5 MiB'.")]
    [InlineData("registry.channels.receive-limit = 1 MiB per tube", "bytes: a whole number and one of the units kB, MB, GB (powers of 1000), KiB, MiB and GiB (powers of 1024). It is '1 MiB per tube'.")]
    [InlineData("registry.channels.receive-limit = 1 kB", "registry.channels.receive-limit must be a size such as 1 MiB, at least 65536 bytes. It is '1 kB'.")]
    [InlineData("registry.ice.username = [a]", "registry.ice.username must be off, or a text. It is a list.")]
    [InlineData("registry.channels.accept-fragments = perhaps", "registry.channels.accept-fragments must be on or off")]
    [InlineData("registry.targets.allow = \"10.0.0.0/8\"", "registry.targets.allow must be a list")]
    [InlineData("registry.targets.allow = [\"10.0.0.0/8:ssh\"]", "'ssh' is not a port")]
    [InlineData("registry.telemetry.log.level = loud", "registry.telemetry.log.level must be trace or debug or information or warning or error or critical or none")]
    [InlineData("registry.audit.mode = loud", "registry.audit.mode must be off or best-effort or strict.")]
    [InlineData("registry.cluster.port = 70000", "registry.cluster.port must be a whole number")]
    [InlineData("registry.cluster.seed-nodes = [\"10.0.0.1\"]", "registry.cluster.seed-nodes must be a list of host:port, which '10.0.0.1' is not.")]
    [InlineData("""registry.auth.keys = "k\u0000" """, "registry.auth.keys must be off, or a text, without a NUL")]
    [InlineData("registry.ice.relay-ca-file = no.pem", "or a readable file of PEM certificates: Could not find file '/")]
    [InlineData("registry.http.hosts = [\"gw.example\", \"http://gw.example\"]", "without scheme, port and path; 'http://gw.example' is none.")]
    [InlineData("registry.http.hosts = [\"gw.example:8085\"]", "'gw.example:8085' is none.")]
    [InlineData("registry.http.hosts = [\"gw.example/\"]", "'gw.example/' is none.")]
    [InlineData("registry.http.hosts = [\"::1\"]", "'::1' is none.")]
    [InlineData("registry.http.tls.certificate = x.pem", "registry.http.tls must be a certificate and its key")]
    public async Task A_wrong_value_is_named_with_file_and_line_and_what_it_must_be(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, $"\n\n{setting}\n");

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain($"{ConfigFile}, line 3: ");
        error.ShouldContain(expected);
        // What serve would say, which checks the same.
        (await RunAsync("serve", "--http", "http://127.0.0.1:0", "--config", ConfigFile)).ShouldBe((code, "", error));
    }

    [Theory]
    [InlineData("registry.auth.keys = /does/not/exist", "line 1: registry.auth.keys: '/does/not/exist' cannot be read")]
    [InlineData("registry { http.tls { certificate = /no/cert, key = /no/key } }", "line 1: registry.http.tls.certificate: '/no/cert' does not exist. Set it to the PEM file of the certificate")]
    [InlineData("registry { http.tls { certificate = ../no/cert, key = /no/key } }", "/no/cert' does not exist. Set it to the PEM file of the certificate; a relative path counts from the folder that the gateway is started in.")]
    [InlineData("registry.auth.jwt { issuer = a, audience = b, keys = /no/jwks }", "line 1: registry.auth.jwt.keys: '/no/jwks'")]
    [InlineData("registry.audit.file.path = /no/audit", "line 1: registry.audit.file.path: the folder of '/no/audit' does not exist.")]
    [InlineData("registry.audit.database.path = /no/audit", "mkdir -p /no")]
    [InlineData("registry.audit.file.path = /", "line 1: registry.audit.file.path: '/' is a folder.")]
    [InlineData("registry.auth.token-keys = /dev/null", "line 1: registry.auth.token-keys: '/dev/null' is a file.")]
    [InlineData("registry.cluster { enabled = on, tls.ca-file = /no/ca }", "line 1: registry.cluster.tls.certificate-file must be the path of a PEM file")]
    public async Task Files_that_serve_would_read_are_read(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, setting);
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain(expected);
        // Serve says the same, before it looks for its port.
        (await RunAsync("serve", "--http", $"http://{taken.LocalEndpoint}", "--config", ConfigFile)).ShouldBe((code, "", error));
        error.ShouldNotContain("'..", customMessage: "the whole path was tried");
        // They are those of the machine that serves.
        if (!setting.Contains("cluster", StringComparison.Ordinal))
            (await RunAsync("ports", "--config", ConfigFile)).Code.ShouldBe((int)ExitCode.Ok);
    }

    [Fact]
    public async Task A_wrong_section_hides_no_file_that_another_setting_names()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            registry.auth.keys = /no/keys
            registry.auth.jwt { issuer = a, audience = b }
            registry.http.tls { certificate = cert.pem }
            registry.http.hosts = ["a/b"]
            registry.audit.mode = loud
            registry.audit.file.path = /no/audit
            registry.cluster { enabled = on, port = many, tls.ca-file = /no/ca }
            """);

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        string[] expected =
        [
            "line 1: registry.auth.keys: '/no/keys' cannot be read", "line 2: registry.auth.jwt must be an issuer", "line 3: registry.http.tls must be a certificate and its key, or neither.", "line 4: registry.http.hosts must be", "line 5: registry.audit.mode must be",
            "line 6: registry.audit.file.path: the folder of '/no/audit' does not exist.", "line 7: registry.cluster.port must be", "line 7: registry.cluster.tls.certificate-file must be", "line 7: registry.cluster.tls.key-file must be", "line 7: registry.cluster.tls.ca-file: '/no/ca' cannot be used",
        ];
        foreach (var part in expected)
            error.ShouldContain($"{ConfigFile}, {part}");
        lines.Length.ShouldBe(expected.Length, error);
    }

    [Theory]
    [InlineData("certificate-file = /no/c, key-file = /no/k, ca-file = /no/ca", "certificate-file: '/no/c' cannot be used|key-file: '/no/k' cannot be used|ca-file: '/no/ca' cannot be used")]
    [InlineData("ca-file = /no/ca", "certificate-file must be the path of a PEM file|key-file must be the path of a PEM file|ca-file: '/no/ca' cannot be used")]
    [InlineData("certificate-file = /dev/null, key-file = /no/k, ca-file = /no/ca", "certificate-file: '/dev/null' cannot be used|key-file: '/no/k' cannot be used|ca-file: '/no/ca' cannot be used")]
    public async Task All_files_of_the_clusters_tls_that_are_missing_are_told_each_once(string files, string expected)
    {
        var (code, _, error) = await RunAsync("check-config", "--set", $"registry.cluster {{ enabled = on, tls {{ {files} }} }}");

        code.ShouldBe((int)ExitCode.Usage);
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Zip(expected.Split('|')).ShouldAllBe(pair => pair.First.Contains($"registry.cluster.tls.{pair.Second}", StringComparison.Ordinal), error);
        lines.Length.ShouldBe(3, error);
    }

    [Fact]
    public async Task A_wrong_environment_variable_hides_no_wrong_setting()
    {
        // The environment is the whole process's.
        using var checking = Programs.Start("env", "WEBRTC_MAX_CONCURRENT_CREATES=many", "dotnet", typeof(Gateway).Assembly.Location, "check-config", "--set", "registry.admission.max-tubes=0", "--set", "registry.ice.servers=[nowhere]");
        var error = await checking.StandardError.ReadToEndAsync().WaitAsync(EndToEnd.Eventually.Patience);
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(3, error);
        error.ShouldContain("registry.admission.max-tubes must be");
        error.ShouldContain("registry.ice.servers");
        lines[^1].ShouldBe("registry: WEBRTC_MAX_CONCURRENT_CREATES must be a whole number from 1, which 'many' is not.");
    }

    [Theory]
    [InlineData("forward", "-L", "0:127.0.0.1:9", "--gateway", "http://127.0.0.1:9")]
    [InlineData("selftest", "--mb", "1")]
    public async Task A_wrong_environment_variable_is_no_fault_of_the_program(params string[] arguments)
    {
        using var command = Programs.Start("env", ["WEBRTC_MAX_CONCURRENT_CREATES=many", "dotnet", typeof(Gateway).Assembly.Location, .. arguments]);
        var output = command.StandardOutput.ReadToEndAsync();
        var error = await command.StandardError.ReadToEndAsync().WaitAsync(EndToEnd.Eventually.Patience);
        error.ShouldBe($"registry: WEBRTC_MAX_CONCURRENT_CREATES must be a whole number from 1, which 'many' is not.{Environment.NewLine}");
        (await output).ShouldBeEmpty();
        await command.WaitForExitAsync().WaitAsync(EndToEnd.Eventually.Patience);
        command.ExitCode.ShouldBe((int)ExitCode.Usage);
    }

    [Fact]
    public async Task What_only_use_shows_is_told_by_serve_with_file_and_line_too()
    {
        await File.WriteAllTextAsync(folder.File("audit"), "no database, but long enough for one to be read: " + new string('x', 200));
        await File.WriteAllTextAsync(ConfigFile, $"# audit\nregistry.audit.database.path = \"{folder.File("audit")}\"");

        var (code, _, error) = await RunAsync("serve", "--http", "http://127.0.0.1:0", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain($"{ConfigFile}, line 2: registry.audit.database.path: '{folder.File("audit")}' cannot be used: ");
        await File.WriteAllTextAsync(ConfigFile, $"\n\nregistry.auth.token-keys = \"{folder.File("audit")}/keys\"");
        (await RunAsync("serve", "--http", "http://127.0.0.1:0", "--config", ConfigFile)).Error.ShouldContain($"{ConfigFile}, line 3: registry.auth.token-keys: '{folder.File("audit")}/keys' cannot be used: ");
    }

    [Fact]
    public async Task What_is_no_HOCON_hides_nothing_else_where_it_is_clear_what_belongs_together()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            registry.warp = on
            include "other.conf"
            registry { admission.max-tubes = many, include file("x"), admission.max-tubs = 1 }
            registry.targets.allow = [*:22]
            registry.tube.idle-timeout = five
            foo
            registry.auth.keys = /no/keys
            """);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile, "--set", "registry.drain.deadlin=1s");

        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        string[] expected =
        [
            "line 1: registry.warp is not a setting", "line 2: include is not supported", "line 3: include is not supported", "line 3: registry.admission.max-tubs is not",
            "line 3: registry.admission.max-tubes must be a whole number from 1 to 2147483647. It is 'many'.", "line 4: '*' in a list", "line 5: registry.tube.idle-timeout must be", "line 6: a key without a value",
            "line 7: registry.auth.keys: '/no/keys'",
        ];
        lines.Length.ShouldBe(expected.Length + 1, error);
        foreach (var (line, start) in lines.Zip(expected))
            line.ShouldStartWith($"registry: {ConfigFile}, {start}");
        lines[^1].ShouldStartWith("registry: --set: registry.drain.deadlin is not");
    }

    [Fact]
    public async Task A_wrong_value_is_told_where_it_stands_also_where_its_setting_is_refused_later()
    {
        await File.WriteAllTextAsync(ConfigFile, "registry.targets.allow = [\"db:ssh\"]\n\nregistry.targets.allow += \"db:22\"");

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.ShouldContain("line 1: registry.targets.allow must be a list of rules");
        error.ShouldContain("line 3: '+=' is not supported");
    }

    [Theory]
    [InlineData("registry.webrtc.tcp-port = \"many\\nports\"", "It is 'many ports'.")]
    [InlineData("registry.webrtc.tcp-port = aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiii", "It is 'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh…'.")]
    [InlineData("registry.targets.allow = nothing", "registry.targets.allow must be a list of texts. It is 'nothing'.")]
    [InlineData("registry.http.trusted-proxies = [nothing]", "'nothing' is neither.")]
    [InlineData("registry.auth.jwt { issuer = i, audience = a, metadata-url = \"http://issuer.example\" }", "It is 'http://issuer.example'.")]
    public async Task A_wrong_value_is_quoted_in_one_line_and_cut_where_it_is_long(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, setting);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.TrimEnd().ShouldEndWith(expected);
        error.Split("It is").Length.ShouldBeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task A_list_that_is_wrong_and_settings_that_do_not_fit_together_hide_nothing()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            registry.targets.allow = nothing
            registry.ice.servers = ["stun:"]
            registry.auth.jwt { issuer = i, audience = a }
            registry.http.tls.key = k.pem
            """);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(" must be ")[0]).ShouldBe(
        [
            $"registry: {ConfigFile}, line 1: registry.targets.allow", $"registry: {ConfigFile}, line 2: registry.ice.servers",
            $"registry: {ConfigFile}, line 3: registry.auth.jwt", $"registry: {ConfigFile}, line 4: registry.http.tls",
        ]);
    }

    [Theory]
    [InlineData("a = 1\nregistry.ice.credential = hush, b = \\", "line 2: '\\' in the value of b. Put the text into quotes.")]
    [InlineData("\nregistry.admission.max-tubes = ${nowhere}", "line 2: it is not HOCON: Unresolved substitution: nowhere.")]
    [InlineData("a = 1\na = ${a}", "line 2: ${a} leads back to itself. Write the value instead.")]
    [InlineData("a { b = ${c} }\nc = x${a}", "line 2: ${a} leads back to itself. Write the value instead.")]
    [InlineData("a = \"\\q\"", ": it is not HOCON: Unknown escape code: q.")]
    public async Task What_the_parser_refuses_is_told_with_its_line_where_it_says_it_and_never_with_the_line_itself(string text, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, text);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.TrimEnd().ShouldEndWith(expected);
        error.ShouldNotContain("hush");
    }

    [Fact]
    public async Task No_secret_is_quoted()
    {
        await File.WriteAllTextAsync(folder.File("keys"), "tr_ops_hush admin - 00\n");
        await File.WriteAllTextAsync(ConfigFile, $$"""
            registry.ice { credential = [hush], username = [hush], shared-secret = [hush] }
            registry.ice.servers = ["turn:user:hush/hush 'hush@relay.example:99999"]
            registry.http.trusted-proxies = ["user:{{string.Concat(Enumerable.Repeat("hush", 25))}}@proxy.example"]
            registry.ice.credentials-url = "ftp://relay.example/?key=hush"
            registry.auth.jwt { issuer = i, audience = a, metadata-url = "ftp://user:hush@issuer.example" }
            registry.telemetry.otlp-endpoint = "user:hush@collector.example"
            registry.targets.allow = "turn:user:hush@relay.example"
            """);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBeGreaterThan(4, error);
        error.ShouldNotContain("hush");
        await File.WriteAllTextAsync(ConfigFile, $"registry.auth.keys = \"{folder.File("keys")}\"");
        (await RunAsync("check-config", "--config", ConfigFile)).Error.ShouldSatisfyAllConditions(text => text.ShouldContain("it begins with a key"), text => text.ShouldNotContain("hush"));
    }

    [Fact]
    public async Task Wrong_settings_and_wrong_files_are_told_in_one_run()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            registry.admission { max-tubs = 5, max-tubes = -3, max-waiting = none }
            registry.tube.idle-timeout = five
            registry.targets.allow = ["10.0.0.0/8", "db.example:ssh"]
            registry.telemetry.log { format = xml, level = loud }
            registry.auth.keys = /no/keys
            registry.auth.jwt { issuer = a, audience = b, keys = /no/jwks }
            registry.http.tls { certificate = /no/cert, key = /no/key }
            """);

        var (_, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(11, error);
        error.ShouldContain("registry.admission.max-tubs is not a setting");
        error.ShouldContain("line 1: registry.admission.max-tubes must be");
        error.ShouldContain("line 1: registry.admission.max-waiting must be");
        error.ShouldContain("line 2: registry.tube.idle-timeout must be");
        error.ShouldContain("line 3: registry.targets.allow must be a list of rules");
        error.ShouldContain("'10.0.0.0/8'");
        error.ShouldContain("'db.example:ssh'");
        error.ShouldContain("line 4: registry.telemetry.log.format must be");
        error.ShouldContain("line 4: registry.telemetry.log.level must be");
        error.ShouldContain("line 5: registry.auth.keys: '/no/keys'");
        error.ShouldContain("registry.auth.jwt.keys: '/no/jwks'");
        error.ShouldContain("line 7: registry.http.tls.certificate: '/no/cert'");
        error.ShouldContain("line 7: registry.http.tls.key: '/no/key'");
    }

    [Fact]
    public async Task Options_of_serve_are_checked_too()
    {
        (await RunAsync("check-config", "--allow", "db.example:ssh")).Error.ShouldContain("--allow");
        (await RunAsync("check-config", "--http", "http://0.0.0.0:8080")).Error.ShouldMatch("without authentication.*without TLS.*--insecure");
        (await RunAsync("check-config", "--http", "https://0.0.0.0:8080", "--set", "registry.auth.keys=/no/keys")).Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(2);
        (await RunAsync("check-config", "--http", "nowhere", "--set", "registry.auth.keys=/no/keys")).Error.ShouldMatch("(?s)--set: registry.auth.keys.*--http 'nowhere' must be a URL");
        (await RunAsync("check-config", "--set", "registry.http.hosts=[\"*\", \"*.example.com\", gw_1.example, \"bücher.example\", \"10.0.0.1\", \"[fd00::1]\", intern]")).Code.ShouldBe((int)ExitCode.Ok);
        (await RunAsync("check-config", "--allow", "db.example:5432")).ShouldBe(((int)ExitCode.Ok, $"The configuration is good.{Environment.NewLine}", ""));
        var (code, output, _) = await RunAsync("check-config", "--allow", "db.example:5432", "--set", "registry.cluster.seed-nodes=[\"10.0.0.1:4053\"]");
        (code, output.Contains("the gateway is in no cluster: set registry.cluster.enabled = on", StringComparison.Ordinal)).ShouldBe(((int)ExitCode.Ok, true), output);
    }

    [Fact]
    public async Task A_certificate_that_nobody_is_shown_is_told()
    {
        await TlsTests.WriteAsync(folder);
        await File.WriteAllTextAsync(ConfigFile, $"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}");

        (await RunAsync("check-config", "--allow", "db.example:5432", "--config", ConfigFile)).ShouldBe(((int)ExitCode.Ok, $"""
            The configuration is good.
            registry.http.tls is set, but --http is http://127.0.0.1:8080: it is not used. Give --http https://ADDRESS:PORT, such as https://0.0.0.0:8443.

            """, ""));
        (await RunAsync("check-config", "--allow", "db.example:5432", "--config", ConfigFile, "--http", "https://127.0.0.1:8443")).Output.ShouldBe($"The configuration is good.{Environment.NewLine}");
    }

    [Theory]
    [InlineData("http://127.0.0.1:18080", "", "registry.webrtc.tcp-port=18080", "--set: registry.webrtc.tcp-port and --http are the same port, 18080: give one of them another.")]
    [InlineData("http://127.0.0.1:18080", "127.0.0.1:18080", "", "the command line: registry.cluster.port (--cluster) and --http are the same port, 18080: give one of them another.")]
    [InlineData("http://localhost:18080", "localhost:18080", "", "the command line: registry.cluster.port (--cluster) and --http are the same port")]
    [InlineData("http://[::]:18080", "10.0.0.1:18080", "", "the command line: registry.cluster.port (--cluster) and --http are the same port")]
    [InlineData("http://127.0.0.1:0", "10.0.0.1:18080", "registry.webrtc.tcp-port=18080", "the command line: registry.cluster.port (--cluster) and registry.webrtc.tcp-port are the same port, 18080: give one of them another.")]
    [InlineData("http://127.0.0.1:18080", "127.0.0.2:18080", "registry.webrtc.tcp-port=18081", null)]
    [InlineData("http://127.0.0.1:18080", "[::1]:18080", "", null)]
    [InlineData("http://127.0.0.1:0", "127.0.0.1:0", "registry.webrtc.tcp-port=0", null)]
    public async Task A_port_that_the_gateway_would_take_from_itself_is_told(string http, string cluster, string set, string? expected)
    {
        string[] options = ["--insecure", "--http", http, .. cluster.Length == 0 ? Array.Empty<string>() : ["--cluster", cluster], .. set.Length == 0 ? Array.Empty<string>() : ["--set", set]];

        var (code, _, error) = await RunAsync(["check-config", .. options]);

        if (expected is null)
        {
            code.ShouldBe((int)ExitCode.Ok, error);
            return;
        }

        code.ShouldBe((int)ExitCode.Usage, error);
        error.ShouldStartWith($"registry: {expected}");
        error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1, error);
        (await RunAsync(["serve", .. options])).ShouldBe((code, "", error));
    }

    [Fact]
    public async Task For_programs_it_prints_what_was_found()
    {
        await File.WriteAllTextAsync(ConfigFile, "registry.admission.max-tubs = 5\nregistry.telemetry.log.level = loud");

        var (code, output, error) = await RunAsync("check-config", "--json", "--config", ConfigFile, "--set", "registry.drain.deadlin=1s");

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldBe("");
        var found = JsonDocument.Parse(output).RootElement;
        found.GetProperty("ok").GetBoolean().ShouldBeFalse();
        found.GetProperty("faults").EnumerateArray().Select(fault => (Text(fault, "key"), Text(fault, "source"), fault.TryGetProperty("line", out var line) ? line.GetInt32() : 0, Text(fault, "nearest"))).ShouldBe(
        [
            ("registry.admission.max-tubs", ConfigFile, 1, "registry.admission.max-tubes"),
            ("registry.telemetry.log.level", ConfigFile, 2, null),
            ("registry.drain.deadlin", "--set", 0, "registry.drain.deadline"),
        ]);
        JsonDocument.Parse((await RunAsync("check-config", "--json")).Output).RootElement.GetProperty("ok").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public void Every_setting_of_the_files_that_come_with_the_program_is_found_on_its_line()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "hocon"), "*.conf"))
        {
            var text = File.ReadAllText(file);
            var lines = text.Split('\n');
            var read = SettingLines.Of(text);
            read.Faults.ShouldBeEmpty(file);
            var keys = Akka.Configuration.ConfigurationFactory.ParseString(text);
            foreach (var (key, _) in GatewayConfiguration.Values(keys))
                lines[read.Found.Last(setting => setting.Key == key).Line - 1].ShouldContain(key[(key.LastIndexOf('.') + 1)..], customMessage: $"{file}: {key}");
        }
    }

    [Fact]
    public void Whatever_the_text_its_lines_are_found_in_one_pass()
    {
        foreach (var text in new[] { "", "{", "}", "a", "a=", "a={", "a=[", "a=\"", "\"\"\"", "a=${", "a.b.c=1", "/", "//", "=", ",,,", "a=1}b=2", "{a:1}", "a\r\n=\r\n1", "a += [1]", "a=${x} { b = 1 }" })
            SettingLines.Of(text).Found.Count.ShouldBeLessThanOrEqualTo(text.Length);
        SettingLines.Of("a { b = \"\"\"x\ny = 1\"\"\"\n c : 2 }\nd = ${a} { e = 1 }").Found.ShouldBe([new("a", 1), new("a.b", 1), new("a.c", 3), new("d", 4), new("d.e", 4)]);
    }

    [Fact]
    public void What_is_given_to_the_parser_is_what_it_comes_to_the_end_of()
    {
        var random = new Random(5);
        string[] parts = ["[", "]", "{", "}", "\"", "=", ":", ",", "\n", " ", "a", "b.c", "5m", "\"x\"", "${a}", "${?b}", "+=", "#c\n", "//d\n", "\"\"\"", "\\", "include \"x\"", "$", "?", "!", "(", "[1,2]", "{z=1}", "\t", "\r\n", "%", "^"];
        string[] texts = [.. Enumerable.Range(0, 30_000).Select(i => (i % 2 == 0 ? "a = " : "") + string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => parts[random.Next(parts.Length)])))];
        var parsed = 0;
        var at = "";
        var parser = new Thread(() =>
        {
            foreach (var text in texts)
            {
                if (SettingLines.Of(text).Readable is not { } readable)
                    continue;
                at = readable;
                try
                {
                    Akka.Configuration.ConfigurationFactory.ParseString(readable);
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    // It says what it does not like.
                }
                parsed++;
            }
        }) { IsBackground = true };
        parser.Start();

        parser.Join(TimeSpan.FromMinutes(1)).ShouldBeTrue($"It does not come to the end of: {at}");
        parsed.ShouldBeGreaterThan(100);
    }

    [Theory]
    [InlineData("{\n a = 1\n}", null)]
    [InlineData("a {\n b {\n }\n", "line 1: this '{' is not closed: a '}' is missing before the end, line 3.")]
    [InlineData("a {\n  b {\n    c = 1\n  d = 1\n}\n", "line 1: this '{' is not closed: a '}' is missing before the end, line 5. The '}' of line 5 closes the '{' of line 2 and is indented otherwise: look there first.")]
    [InlineData("a = \"{\"\n# {", null)]
    [InlineData("a = \"\"\"{\n\"\"\"", null)]
    [InlineData("a = 1\n}\nb = 2", "line 2: this '}' closes nothing: no '{' is open here. Take it out, or put in what it is to close.")]
    [InlineData("a = 1\nb = \"keys\nc = \"d\"", "line 2: this '\"' begins a text that does not end on its line: a second '\"' is missing.")]
    [InlineData("registry.auth.keys = \"keys\nregistry { targets.allow = [] }", "line 1: this '\"' begins a text that does not end on its line: a second '\"' is missing.")]
    [InlineData("a = \"\"\"b\nc", "line 1: this '\"\"\"' begins a text that never ends: a second '\"\"\"' is missing.")]
    [InlineData("registry.targets.allow = [\n\"a:1\"\nregistry.tube.idle-timeout = 5m", "line 1: this '[' is not closed: a ']' is missing before line 3, where another setting begins.")]
    [InlineData("registry {\n targets.allow = [\"a:1\"\n http.hosts = [b]\n}", "line 2: this '[' is not closed: a ']' is missing before line 3, where another setting begins.")]
    [InlineData("registry.targets.allow = [", "line 1: this '[' is not closed: a ']' is missing before the end, line 1.")]
    [InlineData("registry.targets.allow = [\"a:1\",\n", "line 1: this '[' is not closed: a ']' is missing before the end, line 1.")]
    [InlineData("a = [\n{ b = 1 ] }", "line 2: this ']' stands where the '{' of line 2 is still open: a '}' is missing before it.")]
    [InlineData("a = 1]", "line 1: this ']' closes nothing: no '[' is open here. Take it out, or put in what it is to close.")]
    [InlineData("a = [*:22]", "line 1: '*' in a list. Put the text into quotes.")]
    [InlineData("a = [ { d = ${b} } ]", "line 1: '$' in a list. Put the text into quotes.")]
    [InlineData("a = 1\nb = https://idp.example", "line 2: ':' in the value of b. Put the text into quotes.")]
    [InlineData("a {\n b = https://idp.example/?x=y, c = 1\n}", "line 2: ':' in the value of a.b. Put the text into quotes.")]
    [InlineData("a { b = https://idp.example }\nc = 1", "line 1: ':' in the value of a.b. Put the text into quotes.")]
    [InlineData("a = 10.0.0.1:4053", "line 1: ':' in the value of a. Put the text into quotes.")]
    [InlineData("a: db:5432", "line 1: ':' in the value of a. Put the text into quotes.")]
    [InlineData("a =\n  db: 5432", "line 2: ':' in the value of a. Put the text into quotes.")]
    [InlineData("a = x=y", "line 1: '=' in the value of a. Put the text into quotes.")]
    [InlineData("a = *", "line 1: '*' in the value of a. Put the text into quotes.")]
    [InlineData("a = \"x\":y", "line 1: ':' in the value of a. Put the text into quotes.")]
    [InlineData("a : 1 b : 2", "line 1: a second ':' in a setting. Each setting stands on a line of its own, or between commas.")]
    [InlineData("registry:\n  admission:\n    max-tubes: 5\n", "line 1: 'registry:' with lines below it that are indented more. Nesting is written with braces: registry { … }.")]
    [InlineData("a {\n b:\n   c: 5\n d = 1\n}", "line 2: 'b:' with lines below it that are indented more. Nesting is written with braces: b { … }.")]
    [InlineData("a : 1\nb { b: x, c :\n y+z, d : \"e:f\" }", null)]
    [InlineData("a = [1] b", "line 1: text beside a list or an object. Each setting stands on a line of its own, or between commas.")]
    [InlineData("a {\n b = \"c\" d = e }", "line 2: a second '=' in a setting. Each setting stands on a line of its own, or between commas.")]
    [InlineData("a = b\nc = $x", "line 2: '$' that begins no ${key}. Put it into quotes.")]
    [InlineData("a {\n b = ${?c}\n}\nd = 1", "line 2: '$' that begins no ${key}. Put it into quotes.")]
    [InlineData("a = [1]\na += 2", "line 2: '+=' is not supported. Write the whole list.")]
    [InlineData("registry.targets.allow [\"db:5432\"]", "line 1: '[' in a key. A setting is key = value, or key { … }.")]
    [InlineData("a = 1\nfoo", "line 2: a key without a value. A setting is key = value, or key { … }.")]
    [InlineData("= 1", "line 1: a value without a key. A setting is key = value, or key { … }.")]
    [InlineData("include \"other.conf\"", "line 1: include is not supported; put everything into one file.")]
    [InlineData("a = [ { b = [1, 2], c { d = 2 } }, [3] ]\ne = [\"*:22\", x.y/z] # ]\nf = [1] [2]", null)]
    public async Task What_is_no_HOCON_is_an_error_with_its_line_before_a_parser_sees_it(string text, string? expected)
    {
        SettingLines.Of(text).Faults.Select(fault => $"line {fault.Line}: {fault.Message}").ShouldBe(expected is null ? [] : [expected]);
        await File.WriteAllTextAsync(ConfigFile, text);
        if (expected is not null)
            (await RunAsync("check-config", "--config", ConfigFile).WaitAsync(TimeSpan.FromMinutes(1))).Error.ShouldContain($"{ConfigFile}, {expected}");
        else
            Akka.Configuration.ConfigurationFactory.ParseString(text).IsEmpty.ShouldBeFalse();
    }

    [Fact]
    public async Task What_stands_beside_a_value_without_its_quotes_is_checked_all_the_same()
    {
        await File.WriteAllTextAsync(ConfigFile, """
            registry {
              auth.jwt { issuer = https://idp.example/hush, audience = a, leys = k }
              cluster.hostname = 10.0.0.1:4053
              admission.max-tubes = 0
            }
            """);

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldNotContain("hush");
        var lines = error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(4, error);
        lines[0].ShouldBe($"registry: {ConfigFile}, line 2: ':' in the value of registry.auth.jwt.issuer. Put the text into quotes.");
        lines[1].ShouldContain("line 2: registry.auth.jwt.leys is not a setting");
        lines[2].ShouldContain("line 3: ':' in the value of registry.cluster.hostname.");
        lines[3].ShouldContain("line 4: registry.admission.max-tubes must be");
    }

    [Theory]
    [InlineData("registry.targets.allow=10.0.0.0/8:22", """':' in the value of registry.targets.allow. Put the text into quotes, such as --set 'registry.targets.allow=["10.0.0.0/8:22"]'.""")]
    [InlineData("registry.targets.allow=[10.0.0.0/8:22]", """':' in a list. Put the text into quotes, such as --set 'registry.targets.allow=["10.0.0.0/8:22"]'.""")]
    [InlineData("registry.targets.allow=[10.0.0.0/8:22, db:1]", """such as --set 'registry.targets.allow=["…"]'.""")]
    [InlineData("registry.cluster.seed-nodes = 127.0.0.1:4053", """such as --set 'registry.cluster.seed-nodes=["127.0.0.1:4053"]'.""")]
    [InlineData("registry.cluster.hostname=10.0.0.1:4053", """such as --set 'registry.cluster.hostname="10.0.0.1:4053"'.""")]
    [InlineData("registry.ice.credential=hush!", """such as --set 'registry.ice.credential="…"'.""")]
    [InlineData("registry.telemetry.otlp-endpoint=http://user:hush@collector.example", """such as --set 'registry.telemetry.otlp-endpoint="…"'.""")]
    [InlineData("registry.cluster { hostname=10.0.0.1:4053 }", "':' in the value of registry.cluster.hostname. Put the text into quotes.")]
    public async Task An_assignment_without_quotes_is_shown_as_it_is_to_be_typed(string assignment, string expected)
    {
        var (code, _, error) = await RunAsync("check-config", "--set", assignment);

        code.ShouldBe((int)ExitCode.Usage);
        error.TrimEnd().ShouldEndWith(expected);
        error.ShouldNotContain("hush");
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;
}
