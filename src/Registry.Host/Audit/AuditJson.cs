using System.Text.Json;
using System.Text.Json.Serialization;
using Registry.Actors.Audit;

namespace Registry.Host.Audit;

/// <summary>A record as JSON, the same in the file, the database and over HTTP.</summary>
internal static class AuditJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static string KindOf(AuditKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());
}
