using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Registry.Host.Api;

/// <summary>How the HTTP interface reads and writes JSON: camelCase, nulls left out, nothing unknown or repeated accepted.</summary>
internal static class ApiJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        // Never part of a page: quotes and angle brackets in texts stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        // Settings are flat maps today; a little room for nested values, none for an attack on the reader's stack.
        MaxDepth = 16,
    };

    /// <summary>The same for reading a gateway's answers, which may be newer and say more.</summary>
    public static readonly JsonSerializerOptions Tolerant = new(Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };
}
