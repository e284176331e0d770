using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Serving;
using Registry.Host.Tests.Cli;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Security;

/// <summary>The HTTP interface over TLS.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task A_certificate_that_is_read_again_is_shown_to_the_next_connection_and_a_wrong_one_is_not()
    {
        using var folder = new TemporaryFolder();
        var first = await WriteAsync(folder);
        await using var gateway = await Gateway.StartAsync(new()
        {
            Http = new(IPAddress.Loopback, 0),
            IsHttps = true,
            LogLevel = LogLevel.Critical,
            Security = SecuritySettings.From(ConfigurationFactory.ParseString($"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}")),
        });
        gateway.Url.Scheme.ShouldBe("https");
        var (code, _, error) = await Commands.RunAsync("capacity", "--gateway", gateway.Url.ToString());
        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
        error.ShouldContain("its certificate is not trusted: it is for gateway, not for 127.0.0.1; it is of an authority that this machine does not know. Connect to a name that it is for, or give the gateway one for this name. "
            + "If it is your own authority's, set SSL_CERT_FILE=ca.pem");
        error.ShouldNotContain("registry serve");
        using (var misled = Programs.Start("env", "SSL_CERT_FILE=nofile.pem", "dotnet", typeof(Gateway).Assembly.Location, "capacity", "--gateway", gateway.Url.ToString()))
            (await misled.StandardError.ReadToEndAsync().WaitAsync(Eventually.Patience)).ShouldContain("SSL_CERT_FILE is nofile.pem, and there is no such file.");
        (code, _, error) = await Commands.RunAsync("capacity", "--gateway", $"http://{gateway.Url.Authority}");
        code.ShouldBe((int)ExitCode.GatewayUnreachable, error);
        error.ShouldContain($"Either it speaks https (https://{gateway.Url.Authority}/), or it is no gateway: check the address.");
        (await ShownAsync(gateway.Url)).ShouldBe(first);
        await File.WriteAllTextAsync(folder.File("certificate"), "nonsense");
        (await Should.ThrowAsync<CommandException>(() => gateway.Reload.ReloadAsync())).Message.ShouldContain("registry.http.tls");
        (await ShownAsync(gateway.Url)).ShouldBe(first);
        var second = await WriteAsync(folder);
        (await gateway.Reload.ReloadAsync()).Remarks.ShouldContain(remark => remark.StartsWith("The certificate"));
        (await ShownAsync(gateway.Url)).ShouldBe(second);
    }

    [Fact]
    public async Task A_key_that_is_not_the_certificates_is_told_by_check_config_serve_and_reload()
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(folder);
        var (key, line) = ApiKeys.Create("ops", ["operator"], null);
        await File.WriteAllTextAsync(folder.File("keys"), line);
        var tls = $"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}";
        await File.WriteAllTextAsync(folder.File("gateway.conf"), $"{tls}\nregistry.auth.keys = \"{folder.File("keys")}\"");
        await using var gateway = await Gateway.StartAsync(new() { Http = new(IPAddress.Loopback, 0), IsHttps = true, LogLevel = LogLevel.Critical, Security = SecuritySettings.From(ConfigurationFactory.ParseString(await File.ReadAllTextAsync(folder.File("gateway.conf")))) });
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(folder.File("key"), other.ExportPkcs8PrivateKeyPem());

        foreach (string[] verb in new[] { new[] { "check-config" }, ["serve", "--http", "https://127.0.0.1:0"] })
        {
            var (code, _, error) = await Commands.RunAsync([.. verb, "--config", folder.File("gateway.conf")]);
            code.ShouldBe((int)ExitCode.Usage, error);
            error.ShouldContain($"registry.http.tls: '{folder.File("certificate")}' and '{folder.File("key")}' are not a certificate and its key in PEM");
            error.ShouldNotContain("fault of the program");
        }

        using var http = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => certificate is not null }) { DefaultRequestHeaders = { Authorization = new("Bearer", key) } };
        using var reload = await http.PostAsync(new Uri(gateway.Url, "/v1/node/reload"), null);
        reload.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await reload.Content.ReadAsStringAsync()).ShouldContain("\"code\":\"invalid_configuration\"");
        await ShownAsync(gateway.Url);
    }

    [Theory]
    [InlineData(-2, -1, "the certificate expired at ")]
    [InlineData(1, 2, "the certificate is not valid before ")]
    public async Task A_certificate_that_clients_refuse_for_its_dates_is_told_and_takes_the_place_of_none(int from, int until, string why)
    {
        using var folder = new TemporaryFolder();
        var good = await WriteAsync(folder);
        var tls = $"registry.http.tls {{ certificate = \"{folder.File("certificate")}\", key = \"{folder.File("key")}\" }}";
        await File.WriteAllTextAsync(folder.File("gateway.conf"), tls);
        await using var gateway = await Gateway.StartAsync(new() { Http = new(IPAddress.Loopback, 0), IsHttps = true, LogLevel = LogLevel.Critical, Security = SecuritySettings.From(ConfigurationFactory.ParseString(tls)) });
        gateway.Services.GetRequiredService<ServerCertificate>().Remark.ShouldBeNull();
        await WriteAsync(folder, from: from, until: until);

        (await Should.ThrowAsync<CommandException>(() => gateway.Reload.ReloadAsync())).Message.ShouldContain(why);

        (await ShownAsync(gateway.Url)).ShouldBe(good);
        var (code, output, _) = await Commands.RunAsync("check-config", "--config", folder.File("gateway.conf"));
        (code, output.Contains($"registry.http.tls.certificate: {why}", StringComparison.Ordinal)).ShouldBe(((int)ExitCode.Ok, true), output);
        await using var refused = await Gateway.StartAsync(new() { Http = new(IPAddress.Loopback, 0), IsHttps = true, LogLevel = LogLevel.Critical, Security = SecuritySettings.From(ConfigurationFactory.ParseString(tls)) });
        (await Commands.RunAsync("capacity", "--gateway", refused.Url.ToString())).Error.ShouldMatch($@"is not trusted: .*; {why.Replace("the certificate", "it", StringComparison.Ordinal)}\d{{4}}-\d\d-\d\dT");
    }

    // Writes a new certificate and its key, and returns its thumbprint.
    internal static async Task<string> WriteAsync(TemporaryFolder folder, string name = "gateway", int from = -1, int until = 1)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(from), DateTimeOffset.UtcNow.AddDays(until));
        await File.WriteAllTextAsync(folder.File("certificate"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("key"), key.ExportPkcs8PrivateKeyPem());
        return certificate.Thumbprint;
    }

    private static async Task<string?> ShownAsync(Uri url)
    {
        string? shown = null;
        using var http = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => (shown = certificate?.Thumbprint) is not null });
        (await http.GetStringAsync(new Uri(url, "/healthz"))).ShouldBe("ok");
        return shown;
    }
}
