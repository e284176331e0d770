using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.IdentityModel.Tokens;
using Registry.Host.Cli;
using Registry.Host.Serving.Reload;

namespace Registry.Host.Security;

/// <summary>Puts authentication and authorization in front of the HTTP interface.</summary>
internal static class GatewaySecurity
{
    private const string Either = "Bearer";
    private const string Open = "Open";
    public const string Key = "ApiKey";
    private const string Tube = "TubeToken";
    private const string Jwt = "Jwt";

    // Signatures that need no secret on this side; without a list, a token could choose one that does, or none.
    private static readonly string[] algorithms =
    [
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
    ];

    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    /// <exception cref="CommandException">A file that the settings name is of no use.</exception>
    public static void AddGatewaySecurity(this IServiceCollection services, SecuritySettings settings)
    {
        var protection = services.AddDataProtection().SetApplicationName("tube-registry");
        if (settings.TokenKeys is { } directory)
            protection.PersistKeysToFileSystem(new(directory));
        else
            // Otherwise they would go into the user's home. The encryptor is for keys at rest, which these never are.
            services.Configure<KeyManagementOptions>(keys => (keys.XmlRepository, keys.XmlEncryptor) = (new KeysInMemory(), new NullXmlEncryptor()));
        services.AddSingleton<TubeTokens>();
        services.AddSingleton<FailedAttempts>();
        if (settings.ApiKeysFile is { } file)
            services.AddReloadable(new ApiKeys(file));
        var authentication = services.AddAuthentication(Either)
            .AddPolicyScheme(Either, null, policy => policy.ForwardDefaultSelector = context => SchemeOf(context, settings))
            .AddScheme<AuthenticationSchemeOptions, OpenHandler>(Open, null)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(Key, null)
            .AddScheme<AuthenticationSchemeOptions, TubeTokenHandler>(Tube, null);
        if (settings.Jwt is { } jwt)
        {
            var keys = jwt.KeysFile is { } keysFile ? services.AddReloadable(new JwtKeys(keysFile)) : null;
            authentication.AddJwtBearer(Jwt, options => Configure(options, jwt, keys));
        }

        services.AddAuthorizationBuilder().SetFallbackPolicy(Permissions.Fallback);
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationProblems>();
    }

    public static void UseGatewaySecurity(this WebApplication application)
    {
        var failures = application.Services.GetRequiredService<FailedAttempts>();
        application.Use((context, next) => AuthorizationProblems.HandleFailuresAsync(context, next, failures));
        application.UseAuthentication();
        application.UseRateLimiter();
        application.UseAuthorization();
    }

    private static string SchemeOf(HttpContext context, SecuritySettings settings)
    {
        if (!settings.IsClosed)
            return Open;
        var token = BearerToken.Of(context.Request);
        return token is null || token.StartsWith(ApiKeys.Prefix, StringComparison.Ordinal) || settings.Jwt is null && !token.StartsWith(TubeTokens.Prefix, StringComparison.Ordinal) ? Key
            : token.StartsWith(TubeTokens.Prefix, StringComparison.Ordinal) ? Tube
            : Jwt;
    }

    private static void Configure(JwtBearerOptions options, JwtSettings settings, JwtKeys? keys)
    {
        options.MapInboundClaims = false;
        options.MetadataAddress = settings.MetadataUrl?.ToString()!;
        options.RequireHttpsMetadata = settings.MetadataUrl is { IsLoopback: false };
        options.TokenValidationParameters = new()
        {
            ValidIssuer = settings.Issuer,
            ValidAudience = settings.Audience,
            ValidAlgorithms = algorithms,
            IssuerSigningKeyResolver = keys is null ? null : (_, _, _, _) => keys.Current,
            ClockSkew = ClockSkew,
            RequireExpirationTime = true,
            RequireSignedTokens = true,
            RoleClaimType = settings.RolesClaim,
            NameClaimType = settings.OwnerClaim,
        };
        options.Events = new()
        {
            OnTokenValidated = context =>
            {
                // Whatever the issuer says of owners and tubes in claims of our own names is not ours.
                var identity = (ClaimsIdentity)context.Principal!.Identity!;
                var owner = identity.FindFirst(settings.OwnerClaim)?.Value;
                foreach (var claim in identity.FindAll(c => c.Type is Caller.OwnerClaim or Caller.TubeClaim).ToArray())
                    identity.RemoveClaim(claim);
                if (string.IsNullOrEmpty(owner))
                    context.Fail($"The token has no claim {settings.OwnerClaim}.");
                else
                    identity.AddClaim(new(Caller.OwnerClaim, owner));
                return Task.CompletedTask;
            },
        };
    }
}
