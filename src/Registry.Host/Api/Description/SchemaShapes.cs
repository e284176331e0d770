using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Registry.Host.Api.Description;

/// <summary>The shapes of bodies: what is null is left out, what cannot be null is always there, and requests hold nothing unknown.</summary>
internal static class SchemaShapes
{
    private const string Suffix = "Body";

    /// <summary>The name of a type's schema.</summary>
    public static string? NameOf(string? id) => id?.Replace(Suffix, "", StringComparison.Ordinal);

    public static Task ApplyAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = context.JsonTypeInfo;
        if (type.Kind == JsonTypeInfoKind.Object && schema.Properties is { } properties)
        {
            schema.Required = type.Properties.Where(IsAlwaysThere).Select(property => property.Name).Where(properties.ContainsKey).ToHashSet();
            foreach (var name in properties.Keys.ToArray())
                properties[name] = WithoutNull(properties[name]);
            if (type.Type == typeof(ProblemBody))
                ((OpenApiSchema)properties["code"]).Enum = [.. ProblemCodes.All.Keys.Select(code => (JsonNode)code)];
            if (IsRequest(type.Type))
                schema.AdditionalPropertiesAllowed = false;
        }

        if (context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(typeof(AllowedValuesAttribute), inherit: false) is [AllowedValuesAttribute choice])
            schema.Enum = [.. choice.Values.Select(value => (JsonNode)(string)value!)];
        return Task.CompletedTask;
    }

    private static bool IsAlwaysThere(JsonPropertyInfo property) =>
        property.AttributeProvider?.IsDefined(typeof(RequiredAttribute), inherit: false) == true
        || !property.IsGetNullable && Nullable.GetUnderlyingType(property.PropertyType) is null;

    private static bool IsRequest(Type type) =>
        typeof(Operations).GetFields().Select(field => field.GetValue(null)).OfType<OperationDescription>().Any(operation => operation.Body == type);

    private static IOpenApiSchema WithoutNull(IOpenApiSchema property)
    {
        if (property is not OpenApiSchema schema)
            return property;
        if (schema.OneOf is [_, _] either && either.FirstOrDefault(one => one.Type != JsonSchemaType.Null) is { } other)
            return other;
        schema.Type &= ~JsonSchemaType.Null;
        return schema;
    }
}
