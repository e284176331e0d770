using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using OpenTelemetry.Trace;
using Registry.Host.Security;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Telemetry;

/// <summary>Nothing that is a secret is written to the log, however much is logged, or sent with a trace.</summary>
public sealed partial class SecretTests : IDisposable
{
    private const string TurnPassword = "turn-password-0123456789";
    private const string FetchedPassword = "fetched-password-0123456789";
    private const string UrlKey = "url-key-0123456789";
    private const string GuacdPassword = "guacd-password-0123456789";
    private const string SharedSecret = "shared-secret-0123456789";
    private const string UserText = "user-bytes-0123456789";

    private const string AllThatCanBeLogged = """
        registry.telemetry.log { level = trace, levels = ["Microsoft = trace", "Microsoft.Extensions.Hosting = trace", "Registry.Host.Security = trace", "/system = trace", "/system/endpointManager = trace", "Cluster = trace", "remoting = trace"] }
        akka.actor.debug { receive = on, autoreceive = on, lifecycle = on, unhandled = on, event-stream = on, fsm = on, router-misconfiguration = on }
        """;

    private readonly TemporaryFolder folder = new();
    private readonly ECDsaSecurityKey signer = new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = "k1" };
    private readonly HashSet<string> secrets = [TurnPassword, FetchedPassword, UrlKey, GuacdPassword, UserText];

    [Fact]
    public async Task A_broad_run_at_the_level_trace_tells_no_secret()
    {
        using var log = new RecordedLog();
        await using var credentials = await CredentialsEndpoint.StartAsync(FetchedPassword);
        credentials.Answer();
        await using var receiver = await OtlpReceiver.StartAsync();
        string operatorKey = NewKey("operator", ["operator"], null), aliceKey = NewKey("alice", ["creator"], "alice"), unknownKey = ApiKeys.Create("alice", ["creator"], "alice").Key;
        string jwt = Token(DateTime.UtcNow.AddHours(1)), expired = Token(DateTime.UtcNow.AddHours(-1));
        secrets.UnionWith([unknownKey, jwt, expired]);
        await using (var gateway = await RealGateway.WithAsync(Settings(credentials, receiver), log))
        {
            await using var peer = new EchoPeer();
            await peer.ConnectAsync(gateway.Http, "talk", aliceKey, bytes: Encoding.UTF8.GetBytes(UserText));
            var token = (await SendAsync(gateway, aliceKey, "POST", $"/v1/tubes/{peer.TubeId}/tokens", "{}")).GetProperty("token").GetString()!;
            secrets.UnionWith([token, peer.Offer, peer.Answer, IcePassword(peer.Offer), IcePassword(peer.Answer)]);
            await CallEverythingAsync(gateway, [operatorKey, aliceKey, jwt, token, expired, unknownKey, "nonsense-0123456789", null], peer.TubeId);
            gateway.Services.GetRequiredService<TracerProvider>().ForceFlush();
        }

        ShouldTellNone(log, receiver, "Request starting", "POST", "[/user/tube-registry", "was not authenticated", " closed: ");
    }

    [Fact]
    public async Task A_session_with_guacd_over_TLS_and_a_relay_with_a_shared_secret_tells_none_either()
    {
        using var log = new RecordedLog();
        await using var guacd = new AskingGuacd();
        await using var receiver = await OtlpReceiver.StartAsync();
        var key = NewKey("alice", ["creator"], "alice");
        secrets.UnionWith([SharedSecret, .. WriteCertificate()]);
        await using (var gateway = await RealGateway.WithAsync($$"""
            registry.http.tls { certificate = "{{folder.File("certificate")}}", key = "{{folder.File("tls-key")}}" }
            registry.ice { servers = ["turn:127.0.0.1:9"], shared-secret = "{{SharedSecret}}", gathering-timeout = 200ms }
            registry.auth.keys = "{{folder.File("keys")}}"
            registry.guacd.address = "{{guacd.EndPoint}}"
            registry.targets.allow = ["10.0.0.0/8:*"]
            {{receiver.Setting}}
            {{AllThatCanBeLogged}}
            """, log))
        {
            gateway.Url.Scheme.ShouldBe("https");
            await using var peer = new EchoPeer();
            var settings = new { conversationType = "vnc", guacd_params = new { hostname = "10.0.0.1", password = GuacdPassword } };
            var opened = await peer.ExchangeAsync(gateway.Http, "desktop", settings, OpenConnection, key);
            opened[16..22].ShouldBe([0, 103, 0, 0, 0, 1], "ConnectionOpened");
            (await guacd.Told).ShouldContain($"7.connect,13.VERSION_1_5_0,8.10.0.0.1,4.5900,{GuacdPassword.Length}.{GuacdPassword};");
            secrets.UnionWith([peer.Offer, peer.Answer, IcePassword(peer.Offer), IcePassword(peer.Answer)]);
            gateway.Services.GetRequiredService<TracerProvider>().ForceFlush();
        }

        ShouldTellNone(log, receiver, "Request starting", "[/user/tube-registry", " closed: ");
    }

    /// <param name="log">What was logged.</param>
    /// <param name="receiver">What was sent of traces.</param>
    /// <param name="expected">What must have been logged, or too little was to tell anything.</param>
    private void ShouldTellNone(RecordedLog log, OtlpReceiver receiver, params string[] expected)
    {
        var text = log.ToString();
        foreach (var line in expected)
            text.ShouldContain(line);
        var sent = string.Concat(receiver.Bodies.Select(Encoding.UTF8.GetString));
        sent.ShouldContain("registry.create");
        foreach (var secret in secrets)
        {
            secret.Length.ShouldBeGreaterThan(15);
            var bytes = Encoding.UTF8.GetBytes(secret);
            foreach (var form in new[] { secret, Convert.ToBase64String(bytes)[..^4], Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes) })
            {
                (text.IndexOf(form, StringComparison.Ordinal) is >= 0 and var at ? text[Math.Max(0, at - 300)..Math.Min(text.Length, at + 100)] : null).ShouldBeNull();
                sent.Contains(form, StringComparison.Ordinal).ShouldBeFalse(form);
            }
        }
    }

    // The frame with which the end that has the clients opens the first connection.
    private static byte[] OpenConnection => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 101, 0, 0, 0, 1, (byte)';'];

    // Returns the lines of the key.
    private IEnumerable<string> WriteCertificate()
    {
        using var rsa = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=gateway", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var pem = rsa.ExportPkcs8PrivateKeyPem();
        File.WriteAllText(folder.File("certificate"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("tls-key"), pem);
        // The first lines say what kind of key it is, as those of every other one do.
        return pem.Split('\n').Where(line => line.Length == 64).Skip(1);
    }

    public void Dispose()
    {
        signer.ECDsa.Dispose();
        folder.Dispose();
    }

    private string Settings(CredentialsEndpoint credentials, OtlpReceiver receiver)
    {
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(signer);
        File.WriteAllText(folder.File("jwks"), $$"""{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"k1","x":"{{jwk.X}}","y":"{{jwk.Y}}"}]}""");
        return $$"""
            {{credentials.Setting($"?key={UrlKey}")}}
            registry.ice { servers = ["turn:127.0.0.1:9"], username = "turn-user", credential = "{{TurnPassword}}", gathering-timeout = 200ms }
            registry.auth { keys = "{{folder.File("keys")}}", jwt { issuer = "i", audience = "a", keys = "{{folder.File("jwks")}}" } }
            registry.guacd.address = "127.0.0.1:9"
            registry.targets.allow = ["10.0.0.0/8:*"]
            {{receiver.Setting}}
            {{AllThatCanBeLogged}}
            """;
    }

    private async Task CallEverythingAsync(RealGateway gateway, string?[] bearers, string tube)
    {
        string[] bodies = ["{}", $$"""{"conversationId": "vnc", "settings": {"conversationType": "vnc", "guacd_params": {"hostname": "10.0.0.1", "password": "{{GuacdPassword}}"} } }""",
            $$"""{"conversationId": "bad", "settings": {"conversationType": "vnc", "guacd_params": {"hostname": "10.0.0.1", "password": ["{{GuacdPassword}}"] } } }""",
            $$"""{"conversationId": "cut", "settings": {"guacd_params": {"password": "{{GuacdPassword}}""", $$"""{"type": "answer", "sdp": "{{secrets.First(s => s.Length > 200)}}", "candidates": ["{{GuacdPassword}}"] }"""];
        foreach (var bearer in bearers)
        {
            foreach (var path in new[] { "/v1/tubes", $"/v1/tubes/{tube}", "/v1/conversations/talk", "/v1/capacity", "/v1/nodes", "/metrics", "/nowhere" })
                await SendAsync(gateway, bearer, "GET", path);
            foreach (var body in bodies)
            {
                await SendAsync(gateway, bearer, "POST", "/v1/tubes", body);
                await SendAsync(gateway, bearer, "POST", $"/v1/tubes/{tube}/candidates", body);
                await SendAsync(gateway, bearer, "PUT", $"/v1/tubes/{tube}/remote-description", body);
            }
            await SendAsync(gateway, bearer, "POST", $"/v1/tubes/{tube}/tokens", "{}");
            var restart = await SendAsync(gateway, bearer, "POST", $"/v1/tubes/{tube}/ice-restart");
            if (restart.ValueKind == JsonValueKind.Object && restart.TryGetProperty("sdp", out var offer))
                secrets.UnionWith([offer.GetString()!, IcePassword(offer.GetString()!)]);
        }
        await SendAsync(gateway, bearers[0], "DELETE", "/v1/conversations/vnc");
        await SendAsync(gateway, bearers[0], "DELETE", $"/v1/tubes/{tube}");
    }

    private async Task<JsonElement> SendAsync(RealGateway gateway, string? bearer, string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        using var response = await gateway.Http.SendAsync(request).WaitAsync(Eventually.Patience);
        response.StatusCode.ShouldNotBe(HttpStatusCode.InternalServerError);
        var text = await response.Content.ReadAsStringAsync();
        if (response.Content.Headers.ContentType?.MediaType != "application/json")
            return default;
        var answer = JsonDocument.Parse(text).RootElement;
        foreach (var name in new[] { "offer", "answer", "token" })
            if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value) && value.GetString() is { } secret)
                secrets.Add(secret);
        return answer;
    }

    private string NewKey(string id, string[] roles, string? owner)
    {
        var (key, line) = ApiKeys.Create(id, roles, owner);
        File.AppendAllLines(folder.File("keys"), [line]);
        secrets.Add(key);
        return key;
    }

    private string Token(DateTime expires) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Subject = new ClaimsIdentity([new("sub", "alice"), new("roles", "creator")]),
        Issuer = "i",
        Audience = "a",
        NotBefore = expires.AddHours(-2),
        Expires = expires,
        SigningCredentials = new(signer, SecurityAlgorithms.EcdsaSha256),
    });

    private static string IcePassword(string description) => Password().Match(Encoding.UTF8.GetString(Convert.FromBase64String(description))).Groups[1].Value;

    [GeneratedRegex(@"a=ice-pwd:(\S+)")]
    private static partial Regex Password();
}
