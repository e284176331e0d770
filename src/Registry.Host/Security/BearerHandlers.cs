using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Registry.Host.Security;

/// <summary>Reads <c>Authorization: Bearer TOKEN</c> (RFC 6750 §2.1).</summary>
internal static class BearerToken
{
    private const string Scheme = "Bearer ";

    /// <summary>The token; null when there is none.</summary>
    public static string? Of(HttpRequest request) =>
        request.Headers[HeaderNames.Authorization] is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : null;
}

/// <summary>A gateway without authentication: whoever reaches it, which on loopback is its own machine, may do everything.</summary>
internal sealed class OpenHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private static readonly ClaimsPrincipal anyone = new(new ClaimsIdentity([new(ClaimsIdentity.DefaultRoleClaimType, Roles.Operator)], "Open"));

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(AuthenticateResult.Success(new(anyone, Scheme.Name)));
}

/// <summary>Takes API keys.</summary>
internal sealed class ApiKeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ApiKeys? keys = null)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
        BearerToken.Of(Request) is not { } token ? AuthenticateResult.NoResult()
        : keys?.Authenticate(token) is { } identity ? AuthenticateResult.Success(new(new(identity), Scheme.Name))
        : AuthenticateResult.Fail("There is no such key."));
}

/// <summary>Takes the tokens of single tubes.</summary>
internal sealed class TubeTokenHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, TubeTokens tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
        BearerToken.Of(Request) is { } text && tokens.TryRead(text, out var token)
            ? AuthenticateResult.Success(new(
                new(new ClaimsIdentity([new(Caller.TubeClaim, token.TubeId), new(Caller.TubeMadeAtClaim, token.MadeAt)], Scheme.Name)),
                new() { ExpiresUtc = token.Expires },
                Scheme.Name))
            : AuthenticateResult.Fail("The token is not genuine or has expired."));
}
