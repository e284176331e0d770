using System.Net;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Registry.Host.Tests.Security;

/// <summary>An issuer of JSON web tokens on loopback that says where its keys are (OpenID Connect Discovery), and can be out of order.</summary>
internal sealed class PlayedIssuer : IAsyncDisposable
{
    private const string Audience = "tubes";

    private readonly WebApplication application;
    private ECDsaSecurityKey key = NewKey("k1");
    private int asked;

    private PlayedIssuer()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        application = builder.Build();
        application.MapGet("/.well-known/openid-configuration", async context =>
        {
            Interlocked.Increment(ref asked);
            if (IsDown)
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            else
                await context.Response.WriteAsync($$"""{"issuer":"{{Url}}","jwks_uri":"{{Url}}/keys"}""");
        });
        application.MapGet("/keys", context => context.Response.WriteAsync(JwtTests.KeySet(key)));
    }

    /// <summary>Whether it fails whoever asks.</summary>
    public bool IsDown { get; set; }

    /// <summary>How often its metadata was asked for.</summary>
    public int Asked => Volatile.Read(ref asked);

    public string Setting => $"registry.auth.jwt {{ issuer = \"{Url}\", audience = \"{Audience}\", metadata-url = \"{Url}/.well-known/openid-configuration\" }}";

    private string Url => application.Urls.Single();

    public static async Task<PlayedIssuer> StartAsync()
    {
        var issuer = new PlayedIssuer();
        await issuer.application.StartAsync();
        return issuer;
    }

    /// <summary>Signs with another key from now on, and says nothing of the last.</summary>
    public void Roll(string keyId) => key = NewKey(keyId);

    /// <summary>A good token of a viewer.</summary>
    /// <param name="from">Who it says issued it; null for this one.</param>
    public string Token(string? from = null) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Subject = new ClaimsIdentity([new("sub", "vera"), new("roles", "viewer")]),
        Issuer = from ?? Url,
        Audience = Audience,
        Expires = DateTime.UtcNow.AddHours(1),
        SigningCredentials = new(key, SecurityAlgorithms.EcdsaSha256),
    });

    public async ValueTask DisposeAsync() => await application.DisposeAsync();

    private static ECDsaSecurityKey NewKey(string id) => new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = id };
}
