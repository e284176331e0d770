using System.Formats.Tar;
using System.IO.Compression;
using System.Reflection;
using System.Text.Json;
using Akka.Configuration;
using Registry.Host.Cli;
using Registry.Host.Cli.Diagnosis;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.RealPrograms;
using Registry.Host.Tests.Security;
using static Registry.Host.Tests.Cli.Commands;

namespace Registry.Host.Tests.Cli;

public sealed class DiagTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_bundle_has_everything_but_secrets()
    {
        await using var secured = await SecuredGateway.StartAsync();
        var key = secured.KeyOf("operator");
        await File.WriteAllTextAsync(folder.File("key"), key);
        await File.WriteAllTextAsync(folder.File("gateway.conf"), """
            registry {
              ice {
                servers = ["turn:turn.example"], username = planted-user, credential = planted-credential
                credentials-url = "https://planted-name:planted-password@relay.example/?token=planted-query"
              }
              targets.allow = ["10.0.0.0/8:22"]
            }
            akka.persistence.journal.connection-string = "Password=planted-akka"
            """);
        await File.WriteAllTextAsync(folder.File("log"), $"""
            first line
            somebody logged planted-credential and {key}
            Authorization: Bearer planted-bearer at https://planted-url:planted-too@somewhere/
            a=ice-pwd:planted-ice-password eyJhbGciOiJFUzI1NiJ9.planted-claims.planted-signature tt_planted-token-of-a-tube
            last line
            """);
        secured.Registry.Nodes = [new("node-1", "10.0.0.1:4053", Registry.Messages.NodeState.Up)];

        var (code, output, error) = await RunAsync(
            "diag", "--config", folder.File("gateway.conf"), "--set", "registry.ice.username = planted-set", "--log", folder.File("log"), "--out", folder.File("bundle.tar.gz"),
            "--gateway", secured.Gateway.Url.ToString(), "--key-file", folder.File("key"));

        code.ShouldBe(0, error);
        error.ShouldStartWith("It holds version.json, configuration.json, environment.json, log.txt,");
        error.ShouldContain("secrets are taken out of all of them");
        output.Trim().ShouldBe(folder.File("bundle.tar.gz"));
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(folder.File("bundle.tar.gz")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var files = await ReadAsync(folder.File("bundle.tar.gz"));
        files.Keys.ShouldBe(["version.json", "configuration.json", "environment.json", "log.txt", "capacity.json", "nodes.json", "tubes.json", "metrics.txt"]);
        foreach (var (name, text) in files)
        {
            text.ShouldNotContain("planted", customMessage: name);
            text.ShouldNotContain(key[^20..], customMessage: name);
        }

        var configuration = JsonDocument.Parse(files["configuration.json"]).RootElement;
        configuration.GetProperty("registry.targets.allow").GetString().ShouldBe("10.0.0.0/8:22");
        configuration.GetProperty("registry.ice.credential").GetString().ShouldBe(Redaction.Hidden);
        configuration.GetProperty("registry.ice.shared-secret").GetString().ShouldBe("off");
        configuration.GetProperty("registry.http.hosts").GetString().ShouldBe("");
        configuration.GetProperty("akka.persistence.journal.connection-string").GetString().ShouldBe(Redaction.Hidden);
        configuration.GetProperty("registry.tube.closing-timeout").GetString().ShouldBe("5s");
        configuration.GetProperty("registry.channels.receive-limit").GetString().ShouldBe("1 MiB");
        files["log.txt"].ShouldStartWith("first line");
        files["log.txt"].ShouldEndWith("last line");
        var tubes = JsonDocument.Parse(files["tubes.json"]).RootElement;
        tubes.GetProperty("total").GetInt32().ShouldBe(2);
        tubes.GetProperty("byState").GetProperty("ready").GetInt32().ShouldBe(2);
        files["tubes.json"].ShouldNotContain("alice");
        files["metrics.txt"].ShouldContain("# TYPE");
        files["nodes.json"].ShouldContain("node-1");
        JsonDocument.Parse(files["version.json"]).RootElement.GetProperty("version").GetString()
            .ShouldBe(typeof(Gateway).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion, "with the commit");
    }

    [Fact]
    public async Task Without_a_gateway_and_with_a_wrong_configuration_there_is_a_bundle_that_says_so()
    {
        await File.WriteAllTextAsync(folder.File("gateway.conf"), """
            registry.ice { shared-secret = planted-shared-secret, credential = [planted-credential], sharedsecret = planted-mistyped, credential-of = 12345678901 }
            registry.warp = planted-warp
            """);
        await File.WriteAllTextAsync(folder.File("log"), "first line\nsomebody logged planted-shared-secret, planted-credential, planted-mistyped and 12345678901\nlast line");

        var (code, output, error) = await RunAsync("diag", "--json", "--config", folder.File("gateway.conf"), "--log", folder.File("log"), "--out", folder.File("b"), "--gateway", $"http://{Programs.FreeEndPoint()}");

        code.ShouldBe(0);
        JsonDocument.Parse(output).RootElement.GetProperty("problems").GetArrayLength().ShouldBe(8, output);
        error.ShouldContain("the bundle lacks capacity.json");
        var files = await ReadAsync(folder.File("b"));
        files["problems.txt"].ShouldContain("registry.warp is not a setting");
        foreach (var text in files.Values.Append(error).Append(output))
        {
            text.ShouldNotContain("planted");
            text.ShouldNotContain("12345678901");
        }

        files["log.txt"].ShouldContain("first line");
        files["log.txt"].ShouldContain("last line");
        files["configuration.json"].ShouldContain("registry.ice.sharedsecret");
        (await RunAsync("diag", "--out", folder.File("b"), "--gateway", $"http://{Programs.FreeEndPoint()}")).Code.ShouldBe((int)ExitCode.Usage, "it exists");
    }

    [Fact]
    public async Task Words_and_numbers_of_settings_that_are_wrong_are_left_where_the_program_says_them_and_what_can_be_a_secret_is_not()
    {
        await File.WriteAllTextAsync(folder.File("gateway.conf"), """
            registry.admission { max-tubes = "many", max-tubs = 8080 }
            regstry.audit.mode = strict
            registry.audit.mode = bestefort
            registry.audit.mde = best-effort
            registry.warp = planted-9
            registry.ice { passwrd = pl4nted, tokn.secret = best-effort, user-key = plntd, credential-of = 1234 }
            akka.some { other = "plants9", pwd = plantx }
            registry.ice.credentals = plantc
            """);
        await File.WriteAllTextAsync(folder.File("log"), "many strict words on 8080, and planted-9, pl4nted, plntd, 1234, plants9, plantx and plantc");

        var (code, _, error) = await RunAsync("diag", "--config", folder.File("gateway.conf"), "--log", folder.File("log"), "--out", folder.File("b"), "--gateway", $"http://{Programs.FreeEndPoint()}");

        code.ShouldBe(0, error);
        var files = await ReadAsync(folder.File("b"));
        files["log.txt"].ShouldBe($"many strict words on 8080, and {string.Join(", ", Enumerable.Repeat(Redaction.Hidden, 6))} and {Redaction.Hidden}");
        files["problems.txt"].ShouldContain("It is 'many'.");
        files["problems.txt"].ShouldContain($"must be off or {Redaction.Hidden} or strict. It is 'bestefort'.", customMessage: "a setting that is called a secret gives it");
        foreach (var secret in new[] { "planted-9", "pl4nted", "plntd", "1234", "plants9", "plantx", "plantc" })
            files.Values.ShouldAllBe(text => !text.Contains(secret));

        // The same without the secret that is one of the program's words.
        await File.WriteAllTextAsync(folder.File("gateway.conf"), "registry.audit.mode = bestefort, registry.audit.mde = best-effort, regstry.audit.mode = strict");
        (await RunAsync("diag", "--config", folder.File("gateway.conf"), "--out", folder.File("c"), "--gateway", $"http://{Programs.FreeEndPoint()}")).Error
            .ShouldContain("registry.audit.mode must be off or best-effort or strict. It is 'bestefort'.");
    }

    [Fact]
    public async Task A_log_that_was_given_and_is_not_in_the_bundle_is_not_to_be_given_again()
    {
        var gateway = $"http://{Programs.FreeEndPoint()}";
        var (_, _, error) = await RunAsync("diag", "--log", folder.File("nosuch.log"), "--out", folder.File("b"), "--gateway", gateway);
        error.ShouldContain("the bundle lacks log.txt: Could not find file");
        error.ShouldEndWith($"The gateway's log is not in it: {folder.File("nosuch.log")} could not be read.{Environment.NewLine}");

        (await RunAsync("diag", "--out", folder.File("c"), "--gateway", gateway)).Error.ShouldEndWith($"The gateway's log is not in it: --log FILE adds it.{Environment.NewLine}");
        (await RunAsync("diag", "--config", "/does/not/exist", "--log", folder.File("nosuch.log"), "--out", folder.File("d"), "--gateway", gateway)).Error
            .ShouldEndWith($"The gateway's log is not in it, because the configuration could not be read.{Environment.NewLine}");
    }

    [Fact]
    public async Task What_the_gateway_advises_is_no_secret()
    {
        await using var secured = await SecuredGateway.StartAsync();

        await RunAsync("diag", "--out", folder.File("b"), "--gateway", secured.Gateway.Url.ToString());

        (await ReadAsync(folder.File("b")))["problems.txt"].ShouldContain("Authorization: Bearer KEY; on the command line give --key-file FILE.");
    }

    [Fact]
    public async Task Of_a_configuration_that_cannot_be_read_no_secret_is_known_and_the_log_is_left_out()
    {
        await File.WriteAllTextAsync(folder.File("gateway.conf"), "registry { ice.shared-secret = planted-shared-secret");
        await File.WriteAllTextAsync(folder.File("log"), "somebody logged planted-shared-secret");

        var (code, _, error) = await RunAsync("diag", "--config", folder.File("gateway.conf"), "--log", folder.File("log"), "--out", folder.File("b"), "--gateway", $"http://{Programs.FreeEndPoint()}");

        code.ShouldBe(0, error);
        error.ShouldContain("the bundle lacks log.txt: what of it are secrets is in the configuration, which cannot be read");
        var files = await ReadAsync(folder.File("b"));
        files.Keys.ShouldNotContain("log.txt");
        files.Keys.ShouldNotContain("configuration.json");
        files.Values.ShouldAllBe(text => !text.Contains("planted"));
    }

    [Fact]
    public void A_text_is_shown_only_where_it_is_known_to_be_no_secret()
    {
        var keys = GatewayConfiguration.Values(GatewayConfiguration.Default.GetValue("registry"), "registry").Select(setting => setting.Key).Append("registry.unknown").Append("akka.unknown");
        var planted = ConfigurationFactory.ParseString(string.Join('\n', keys.Select(key => $"{key} = planted-text")));

        var shown = ConfigurationExport.Of(planted).Where(setting => setting.Value != Redaction.Hidden).Select(setting => setting.Key).ToArray();

        shown.ShouldContain("registry.auth.keys", "the name of a file");
        foreach (var secret in new[] { "registry.ice.username", "registry.ice.credential", "registry.ice.shared-secret", "registry.ice.credentials-url", "registry.auth.jwt.metadata-url", "registry.unknown", "akka.unknown" })
            shown.ShouldNotContain(secret);
        shown.ShouldAllBe(key => !key.EndsWith("secret") && !key.EndsWith("credential") && !key.EndsWith("password") && !key.EndsWith("username") && !key.EndsWith("url"));
    }

    private static async Task<Dictionary<string, string>> ReadAsync(string file)
    {
        var files = new Dictionary<string, string>();
        await using var gzip = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        await using var tar = new TarReader(gzip);
        while (await tar.GetNextEntryAsync() is { } entry)
            files.Add(entry.Name["registry-diag/".Length..], await new StreamReader(entry.DataStream ?? Stream.Null).ReadToEndAsync());
        return files;
    }
}
