using System.Text.Json;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Serving.Settings;
using Registry.Host.Tests.RealPrograms;
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
    [InlineData("registry.admission.max-tubes = many", "registry.admission.max-tubes must be a whole number from 1")]
    [InlineData("registry.admission.max-tubes = [1, 2]", "It is a list.")]
    [InlineData("registry.tube.closing-timeout = soon", "registry.tube.closing-timeout must be a positive duration")]
    [InlineData("registry.ice.username = [a]", "registry.ice.username must be off, or a text. It is a list.")]
    [InlineData("registry.channels.accept-fragments = perhaps", "registry.channels.accept-fragments must be on or off")]
    [InlineData("registry.targets.allow = \"10.0.0.0/8\"", "registry.targets.allow must be a list")]
    [InlineData("registry.targets.allow = [\"10.0.0.0/8:ssh\"]", "'ssh' is not a port")]
    [InlineData("registry.telemetry.log.level = loud", "registry.telemetry.log.level must be trace or debug or information or warning or error or critical or none")]
    [InlineData("registry.cluster.port = 70000", "registry.cluster.port must be a whole number")]
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
    [InlineData("registry.auth.keys = /does/not/exist", "line 1: registry.auth.keys: /does/not/exist cannot be read")]
    [InlineData("registry { http.tls { certificate = /no/cert, key = /no/key } }", "line 1: registry.http.tls.certificate: /no/cert does not exist. Set it to the PEM file of the certificate")]
    [InlineData("registry.auth.jwt { issuer = a, audience = b, keys = /no/jwks }", "line 1: registry.auth.jwt.keys: /no/jwks")]
    [InlineData("registry.audit.file.path = /no/audit", "line 1: registry.audit.file.path: the folder of /no/audit does not exist.")]
    [InlineData("registry.audit.database.path = /no/audit", "mkdir -p /no")]
    public async Task Files_that_serve_would_read_are_read(string setting, string expected)
    {
        await File.WriteAllTextAsync(ConfigFile, setting);

        var (code, _, error) = await RunAsync("check-config", "--config", ConfigFile);

        code.ShouldBe((int)ExitCode.Usage);
        error.ShouldContain(expected);
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
        error.ShouldContain("line 5: registry.auth.keys: /no/keys");
        error.ShouldContain("registry.auth.jwt.keys: /no/jwks");
        error.ShouldContain("line 7: registry.http.tls.certificate: /no/cert");
        error.ShouldContain("line 7: registry.http.tls.key: /no/key");
    }

    [Fact]
    public async Task Options_of_serve_are_checked_too()
    {
        (await RunAsync("check-config", "--allow", "db.example:ssh")).Error.ShouldContain("--allow");
        (await RunAsync("check-config", "--http", "http://0.0.0.0:8080")).Error.ShouldMatch("without authentication.*without TLS.*--insecure");
        (await RunAsync("check-config", "--http", "https://0.0.0.0:8080", "--set", "registry.auth.keys=/no/keys")).Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(2);
        (await RunAsync("check-config", "--allow", "db.example:5432")).ShouldBe(((int)ExitCode.Ok, $"The configuration is good.{Environment.NewLine}", ""));
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
            ("registry.drain.deadlin", "--set", 0, "registry.drain.deadline"),
            ("registry.telemetry.log.level", ConfigFile, 2, null),
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
            var found = SettingLines.Of(text, out var fault);
            fault.ShouldBeNull(file);
            var keys = Akka.Configuration.ConfigurationFactory.ParseString(text);
            foreach (var (key, _) in GatewayConfiguration.Values(keys.GetValue("registry"), "registry").Concat(GatewayConfiguration.Values(keys.GetValue("akka"), "akka")))
                lines[found.Last(setting => setting.Key == key).Line - 1].ShouldContain(key[(key.LastIndexOf('.') + 1)..], customMessage: $"{file}: {key}");
        }
    }

    [Fact]
    public void Whatever_the_text_its_lines_are_found_in_one_pass()
    {
        foreach (var text in new[] { "", "{", "}", "a", "a=", "a={", "a=[", "a=\"", "\"\"\"", "a=${", "a.b.c=1", "/", "//", "=", ",,,", "a=1}b=2", "{a:1}", "a\r\n=\r\n1", "a += [1]", "a=${x} { b = 1 }" })
            SettingLines.Of(text, out _).Count.ShouldBeLessThanOrEqualTo(text.Length);
        SettingLines.Of("a { b = \"\"\"x\ny = 1\"\"\"\n c : 2 }\nd = ${a} { e = 1 }", out _).ShouldBe([new("a", 1), new("a.b", 1), new("a.c", 3), new("d", 4), new("d.e", 4)]);
    }

    [Fact]
    public void A_text_without_faults_is_one_that_the_parser_comes_to_the_end_of()
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
                SettingLines.Of(text, out var fault);
                if (fault is not null)
                    continue;
                at = text;
                try
                {
                    Akka.Configuration.ConfigurationFactory.ParseString(text);
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
    [InlineData("a {\n b {\n }\n", "line 1: this brace has no other.")]
    [InlineData("a = \"{\"\n# {", null)]
    [InlineData("a = \"\"\"{\n\"\"\"", null)]
    [InlineData("a = 1\n}\nb = 2", "line 2: this brace has no other.")]
    [InlineData("a = 1\nb = \"keys\nc = \"d\"", "line 2: this quote has no other.")]
    [InlineData("registry.auth.keys = \"keys\nregistry { targets.allow = [] }", "line 1: this quote has no other.")]
    [InlineData("registry.targets.allow = [\n\"a:1\"\nregistry.tube.idle-timeout = 5m", "line 1: this bracket has no other.")]
    [InlineData("registry.targets.allow = [", "line 1: this bracket has no other.")]
    [InlineData("registry.targets.allow = [\"a:1\",", "line 1: this bracket has no other.")]
    [InlineData("a = [ { b = 1 ] }", "line 1: this bracket has no other.")]
    [InlineData("a = 1]", "line 1: this bracket has no other.")]
    [InlineData("a = [*:22]", "line 1: '*' in a list. Put the text into quotes.")]
    [InlineData("a = [ { d = ${b} } ]", "line 1: '$' in a list. Put the text into quotes.")]
    [InlineData("a = [1] b", "line 1: text beside a list or an object. Each setting stands on a line of its own, or between commas.")]
    [InlineData("a {\n b = \"c\" d = e }", "line 2: a second '=' in a setting. Each setting stands on a line of its own, or between commas.")]
    [InlineData("a = b\nc = $x", "line 2: '$' that begins no ${key}. Put it into quotes.")]
    [InlineData("registry.targets.allow [\"db:5432\"]", "line 1: '[' in a key. A setting is key = value, or key { … }.")]
    [InlineData("a = 1\nfoo", "line 2: a key without a value. A setting is key = value, or key { … }.")]
    [InlineData("= 1", "line 1: a value without a key. A setting is key = value, or key { … }.")]
    [InlineData("include \"other.conf\"", "line 1: include is not supported; put everything into one file.")]
    [InlineData("a = [ { b = [1, 2], c { d = 2 } }, [3] ]\ne = [\"*:22\", x.y/z] # ]\nf = [1] [2]", null)]
    public async Task What_is_no_HOCON_is_an_error_with_its_line_before_a_parser_sees_it(string text, string? expected)
    {
        SettingLines.Of(text, out var fault);
        fault.ShouldBe(expected);
        await File.WriteAllTextAsync(ConfigFile, text);
        if (expected is not null)
            (await RunAsync("check-config", "--config", ConfigFile).WaitAsync(TimeSpan.FromMinutes(1))).Error.ShouldContain($"{ConfigFile}, {expected}");
        else
            Akka.Configuration.ConfigurationFactory.ParseString(text).IsEmpty.ShouldBeFalse();
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString() : null;
}
