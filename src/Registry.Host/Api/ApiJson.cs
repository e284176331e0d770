using System.Text.Json;
using System.Text.Json.Serialization;

namespace Registry.Host.Api;

/// <summary>How the HTTP interface reads and writes JSON: as its clients do, and nothing unknown or repeated accepted.</summary>
internal static class ApiJson
{
    public static readonly JsonSerializerOptions Options = new(GatewayJson.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        // Settings are flat maps today; a little room for nested values, none for an attack on the reader's stack.
        MaxDepth = 16,
    };
}
