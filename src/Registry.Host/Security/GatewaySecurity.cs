using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
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
        // Where they lie, keys are protected by their folder's mode; without an encryptor there would be a warning.
        var protection = services.AddDataProtection().SetApplicationName("tube-registry").AddKeyManagementOptions(keys => keys.XmlEncryptor = new NullXmlEncryptor());
        if (settings.TokenKeys is { } directory)
            protection.PersistKeysToFileSystem(TokenKeyFolder.Open(directory));
        else
            // Otherwise they would go into the user's home.
            protection.AddKeyManagementOptions(keys => keys.XmlRepository = new KeysInMemory());
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
            if (jwt.KeysFile is { } keysFile)
                services.AddReloadable(new JwtKeys(keysFile));
            if (jwt.MetadataUrl is { } metadata)
                services.AddSingleton(provider => new IssuerKeys(metadata, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<IssuerKeys>>()));
            authentication.AddJwtBearer(Jwt, _ => { });
            services.AddOptions<JwtBearerOptions>(Jwt).Configure<IServiceProvider>((options, provider) => Configure(options, jwt, provider));
        }

        services.AddAuthorizationBuilder().SetFallbackPolicy(Permissions.Fallback);
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationProblems>();
    }

    public static void UseGatewaySecurity(this WebApplication application)
    {
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

    private static void Configure(JwtBearerOptions options, JwtSettings settings, IServiceProvider services)
    {
        var file = services.GetService<JwtKeys>();
        var issuer = services.GetService<IssuerKeys>();
        var failures = services.GetRequiredService<FailedAttempts>();
        options.MapInboundClaims = false;
        options.TokenValidationParameters = new()
        {
            ValidIssuer = settings.Issuer,
            ValidAudience = settings.Audience,
            ValidAlgorithms = algorithms,
            IssuerSigningKeyResolver = (_, _, _, _) => file?.Current ?? issuer!.Current,
            ClockSkew = ClockSkew,
            RequireExpirationTime = true,
            RequireSignedTokens = true,
            RoleClaimType = settings.RolesClaim,
            NameClaimType = settings.OwnerClaim,
        };
        options.Events = new()
        {
            OnMessageReceived = context => PrepareAsync(context, settings, issuer, failures),
            OnTokenValidated = context =>
            {
                TakeOwner(context, settings);
                return Task.CompletedTask;
            },
        };
    }

    private static async Task PrepareAsync(MessageReceivedContext context, JwtSettings settings, IssuerKeys? issuer, FailedAttempts failures)
    {
        if (failures.IsBlocked(context.HttpContext))
        {
            // A signature is worth enough of the processor to be guessed at with.
            context.Fail(new TooManyFailuresException());
            return;
        }

        // Who does not even name the issuer makes nobody ask it.
        if (issuer is null || BearerToken.Of(context.Request) is not { } text || JwtKeys.ReadToken(text) is not { } token || token.Issuer != settings.Issuer)
            return;
        try
        {
            await issuer.PrepareAsync(token.Kid, context.HttpContext.RequestAborted);
        }
        catch (IssuerUnreachableException e)
        {
            context.Fail(e);
        }
    }

    // Whatever the issuer says of owners and tubes in claims of our own names is not ours.
    private static void TakeOwner(TokenValidatedContext context, JwtSettings settings)
    {
        var identity = (ClaimsIdentity)context.Principal!.Identity!;
        var owner = identity.FindFirst(settings.OwnerClaim)?.Value;
        foreach (var claim in identity.FindAll(c => c.Type is Caller.OwnerClaim or Caller.TubeClaim).ToArray())
            identity.RemoveClaim(claim);
        if (string.IsNullOrEmpty(owner))
            context.Fail($"The token has no claim {settings.OwnerClaim}.");
        else
            identity.AddClaim(new(Caller.OwnerClaim, owner));
    }
}
