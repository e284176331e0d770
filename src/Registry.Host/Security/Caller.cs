using System.Security.Claims;
using Registry.Messages;

namespace Registry.Host.Security;

/// <summary>Who sent a request and which tubes that lets them see and touch.</summary>
internal sealed class Caller
{
    /// <summary>The claim that names the owner whose tubes are the caller's.</summary>
    public const string OwnerClaim = "owner";

    /// <summary>The claim that names the one tube that a tube's token is for.</summary>
    public const string TubeClaim = "tube";

    /// <summary>The claim that says when that tube was made: its id alone may be another tube's later.</summary>
    public const string TubeMadeAtClaim = "tube-made-at";

    /// <summary>What the audit calls whoever has a tube's token. No key has this id.</summary>
    public const string TokenName = "tube_token";

    private readonly string? owner;
    private readonly string? tube;
    private readonly string? tubeMadeAt;

    public Caller(ClaimsPrincipal user)
    {
        owner = user.FindFirstValue(OwnerClaim);
        tube = user.FindFirstValue(TubeClaim);
        tubeMadeAt = user.FindFirstValue(TubeMadeAtClaim);
        Name = user.Identity?.Name ?? (tube is null ? null : TokenName);
        ActsOnAll = user.IsInRole(Roles.Operator);
        SeesAll = ActsOnAll || user.IsInRole(Roles.Viewer);
    }

    /// <summary>What the audit calls the caller: a key's id, a token's subject, or <see cref="TokenName"/>; null when callers need not say who they are.</summary>
    public string? Name { get; }

    /// <summary>Whose tubes the caller makes; null for those of anybody.</summary>
    public string? Owner => owner;

    public bool ActsOnAll { get; }

    public bool SeesAll { get; }

    public bool ActsOn(TubeSnapshot one) =>
        ActsOnAll || (tube is null ? owner is not null && one.Owner == owner : one.TubeId.ToString() == tube && TubeTokens.MadeAt(one) == tubeMadeAt);

    public bool Sees(TubeSnapshot one) => SeesAll || ActsOn(one);
}
