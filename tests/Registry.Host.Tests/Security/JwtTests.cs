using System.Net;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Registry.Host.Cli;
using Registry.Host.Serving.Reload;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Security;

/// <summary>JSON web tokens: the right ones and every kind of wrong one.</summary>
public sealed class JwtTests : IAsyncLifetime
{
    private const string Issuer = "https://login.example";
    private const string Audience = "tubes";

    private readonly ECDsaSecurityKey key = new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = "k1" };
    private readonly FakeTimeProvider time = new(DateTimeOffset.UtcNow); // tokens themselves go by the real clock
    private SecuredGateway secured = null!;

    public async Task InitializeAsync() => secured = await SecuredGateway.StartAsync(folder =>
    {
        File.WriteAllText(folder.File("jwks"), KeySet(key));
        return $$"""jwt { issuer = "{{Issuer}}", audience = "{{Audience}}", keys = "{{folder.File("jwks")}}" }""";
    }, time: time);

    public async Task DisposeAsync()
    {
        await secured.DisposeAsync();
        key.ECDsa.Dispose();
    }

    [Fact]
    public async Task A_good_token_has_its_roles_and_its_owner()
    {
        (await StatusAsync(Token(), "/v1/tubes/alice-tube")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(Token(), "/v1/tubes/bob-tube")).ShouldBe(HttpStatusCode.NotFound);
        (await StatusAsync(Token(claims: [new("roles", "viewer"), new("roles", "creator")]), "/v1/tubes/bob-tube")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(Token(claims: []), "/v1/tubes/alice-tube")).ShouldBe(HttpStatusCode.Forbidden);
        // What a token calls owner or tube is not what the gateway calls so.
        (await StatusAsync(Token(claims: [new("roles", "creator"), new("owner", "bob"), new("tube", "bob-tube")]), "/v1/tubes/bob-tube")).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_stream_ends_with_its_token()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events");
        request.Headers.Authorization = new("Bearer", Token(expires: DateTime.UtcNow.AddMinutes(1)));
        using var response = await secured.Gateway.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync().WaitAsync(Eventually.Patience)).ShouldBe(": events");

        time.Advance(TimeSpan.FromMinutes(2));

        (await reader.ReadToEndAsync().WaitAsync(Eventually.Patience)).ShouldBe("\n");
    }

    [Fact]
    public async Task Every_kind_of_wrong_token_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var good = Token().Split('.');
        var changed = Part(Encoding.UTF8.GetString(Base64UrlEncoder.DecodeBytes(good[1])).Replace("creator", "operator", StringComparison.Ordinal));
        (string What, string Token)[] wrong =
        [
            ("expired", Token(expires: DateTime.UtcNow.AddMinutes(-1))),
            ("not valid yet", Token(begins: DateTime.UtcNow.AddMinutes(5))),
            ("valid for ever", Token(endless: true)),
            ("for another audience", Token(audience: "others")),
            ("of another issuer", Token(issuer: "https://evil.example")),
            ("signed by another key of the same name", Token(signer: new(new ECDsaSecurityKey(other) { KeyId = "k1" }, SecurityAlgorithms.EcdsaSha256))),
            ("changed after it was signed", $"{good[0]}.{changed}.{good[2]}"),
            ("not signed", $"{Part("""{"alg":"none","typ":"JWT"}""")}.{good[1]}."),
            // The public key, which everybody has, as the secret of a MAC.
            ("signed with the public key", Token(signer: new(new SymmetricSecurityKey(key.ECDsa.ExportSubjectPublicKeyInfo()) { KeyId = "k1" }, SecurityAlgorithms.HmacSha256))),
            ("nobody's", Token(subject: null)),
        ];

        foreach (var (what, token) in wrong)
            (await StatusAsync(token, "/v1/capacity")).ShouldBe(HttpStatusCode.Unauthorized, what);
    }

    [Fact]
    public async Task A_signature_is_not_looked_at_where_guesses_come_from()
    {
        (HttpStatusCode Status, JsonElement Body) answer = default;
        // An attempt is forgiven every few seconds: when that happens right here, once more.
        for (var round = 0; round < 10 && answer.Status != HttpStatusCode.TooManyRequests; round++)
        {
            await FailedAttemptsTests.GuessAsync(secured);
            answer = await secured.SendAsync(Token(), "GET", "/v1/capacity");
        }

        answer.Status.ShouldBe(HttpStatusCode.TooManyRequests);
        answer.Body.GetProperty("code").GetString().ShouldBe("too_many_failures");
        (await secured.SendAsync(Token(), "GET", "/healthz")).Status.ShouldBe(HttpStatusCode.OK);
        (await secured.SendAsync(secured.KeyOf("operator"), "GET", "/v1/capacity")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Keys_that_are_read_again_count_from_then_on_and_a_wrong_file_changes_nothing()
    {
        var file = Path.Combine(Path.GetDirectoryName(secured.KeysFile)!, "jwks");
        var reload = (GatewayReload)secured.Gateway.Services.GetService(typeof(GatewayReload))!;
        var next = new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = "k2" };
        using var curve = next.ECDsa;
        var token = Token(signer: new(next, SecurityAlgorithms.EcdsaSha256));
        (await StatusAsync(token, "/v1/capacity")).ShouldBe(HttpStatusCode.Unauthorized);

        await File.WriteAllTextAsync(file, "nonsense");
        await Should.ThrowAsync<CommandException>(() => reload.ReloadAsync());
        (await StatusAsync(Token(), "/v1/capacity")).ShouldBe(HttpStatusCode.OK);
        await File.WriteAllTextAsync(file, KeySet(next));
        (await reload.ReloadAsync()).Remarks.ShouldContain("1 key of the token issuer read again.");

        (await StatusAsync(token, "/v1/capacity")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(Token(), "/v1/capacity")).ShouldBe(HttpStatusCode.Unauthorized);
    }

    internal static string KeySet(ECDsaSecurityKey key)
    {
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(key);
        return $$"""{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"{{key.KeyId}}","x":"{{jwk.X}}","y":"{{jwk.Y}}"}]}""";
    }

    private async Task<HttpStatusCode> StatusAsync(string token, string path) => (await secured.SendAsync(token, "GET", path)).Status;

    private string Token(Claim[]? claims = null, string? subject = "alice", string issuer = Issuer, string audience = Audience, DateTime? begins = null, DateTime? expires = null,
        bool endless = false, SigningCredentials? signer = null)
    {
        var identity = new ClaimsIdentity(claims ?? [new("roles", "creator")]);
        if (subject is not null)
            identity.AddClaim(new("sub", subject));
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = !endless }.CreateToken(new SecurityTokenDescriptor
        {
            Subject = identity,
            Issuer = issuer,
            Audience = audience,
            NotBefore = endless ? null : begins ?? DateTime.UtcNow.AddHours(-1),
            Expires = endless ? null : expires ?? DateTime.UtcNow.AddHours(1),
            SigningCredentials = signer ?? new(key, SecurityAlgorithms.EcdsaSha256),
        });
    }

    private static string Part(string json) => Base64UrlEncoder.Encode(json);
}
