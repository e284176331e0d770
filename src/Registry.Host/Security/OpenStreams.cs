using Microsoft.AspNetCore.Authentication;

namespace Registry.Host.Security;

/// <summary>Streams outlive the look at who opened them.</summary>
internal static class OpenStreams
{
    /// <summary>Whether its caller may go on: the token has not expired, the key is still there, with the same roles and owner.</summary>
    public static bool MayGoOn(HttpContext context)
    {
        if (context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Ticket is not { } ticket)
            return false;
        var services = context.RequestServices;
        if (ticket.Properties.ExpiresUtc <= services.GetRequiredService<TimeProvider>().GetUtcNow())
            return false;
        return ticket.AuthenticationScheme != GatewaySecurity.Key
            || services.GetRequiredService<ApiKeys>().Authenticate(BearerToken.Of(context.Request)!) is { } now
                && now.Claims.Select(claim => (claim.Type, claim.Value)).SequenceEqual(context.User.Claims.Select(claim => (claim.Type, claim.Value)));
    }
}
